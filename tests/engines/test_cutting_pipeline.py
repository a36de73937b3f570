"""A recording through the real pipeline: decoded planes to an engine that cuts, also where that engine is lost."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.onnxruntime import OnnxRuntimeEngine
from engines.tensorrt import TensorRTEngine
from stream_guard.budget.plan import Plan
from stream_guard.errors import EngineLost
from stream_guard.face import Box, Face
from stream_guard.faces.result import Tracked
from stream_guard.inference.engine import Engine, EngineOptions
from stream_guard.inference.faces import Faces
from stream_guard.inference.worker import InferenceWorker
from stream_guard.models.manifest import Manifest
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.sources.registry import open_source
from stream_guard.testing.cutting import CuttingEngine
from stream_guard.testing.engines import ScriptedEngine, make_model
from tests.engines.fake_machine import Machine
from tests.engines.host_crop import build
from tests.unit.pipeline.doubles import CLOCK, FreeBudget, Notes

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

FRAMES, FACES, SIZE = 16, 3, 32
LOST = EngineLost("the GPU has fallen off the bus")


class Wandering:
    """Sees three faces that move, enlarged, shrunk and over an edge."""

    def __init__(self) -> None:
        self.frame = 0

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        self.frame += 1
        boxes = Box(20 + self.frame, 30, 24, 28), Box(90, 10 + self.frame, 90, 110), Box(-15, 100, 60, 60)
        faces = tuple(Face(id=number, box=box) for number, box in enumerate(boxes))
        return Tracked(faces=faces, cut=False, find_ns=0, track_ns=1, measured=FACES, measurable=FACES)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that drifts and brightens: each frame, and each face in it, has an answer of its own."""
    path = tmp_path_factory.mktemp("clip") / "call.mp4"
    small = np.random.default_rng(0).integers(40, 160, (26, 46, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(FRAMES):
            large = np.asarray(cv2.resize(small, (340, 200), interpolation=cv2.INTER_CUBIC))
            rgb = np.ascontiguousarray(large[number : number + 180, :320] + np.uint8(4 * number))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    return make_model(tmp_path_factory.mktemp("model"), size=SIZE)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    made = Machine(monkeypatch, tmp_path / "cache")
    made.crop = ctypes.CDLL(str(build(tmp_path / "crop.so", "-shared", "-fPIC"))).crop
    return made


async def played(
    clip: Path,
    model: tuple[Path, Manifest],
    engines: Sequence[Callable[[], Engine]],
    *,
    calls: int = 1,
    before: Callable[[int], object] = lambda asked: None,
) -> tuple[list[NDArray[np.float32]], InferenceWorker]:
    """Play a clip as so many calls at once; return each call's logits, (frames, faces), and the worker."""
    asked = 0
    options = EngineOptions(max_batch=16, precision="fp32")
    async with InferenceWorker(engines, *model, options=options, patience_s=60) as worker:

        async def infer(batch: NDArray[np.uint8] | Faces) -> Judgement:
            nonlocal asked
            before(asked)
            asked += 1
            return Judgement((await worker.infer(batch)).logits)

        async def call(number: int) -> NDArray[np.float32]:
            source, notes = open_source(str(clip)), Notes()
            pipeline = Pipeline(
                SessionInfo(f"c{number}", source.kind, source.name, live=False),
                source,
                looker=Looker(
                    Wandering(), size=SIZE, margin=1.3, max_faces=4, clock=CLOCK, engine_cuts=lambda: worker.cuts
                ),
                infer=infer,
                budget=FreeBudget(),
                scorer=notes,
                clock=CLOCK,
            )
            await pipeline.run()
            return np.array([[face.llr for face in one.faces] for one in notes.observations], np.float32)

        return list(await asyncio.gather(*map(call, range(calls)))), worker


async def test_an_engine_that_cuts_gets_the_decoders_planes_and_says_what_others_say(
    clip: Path, model: tuple[Path, Manifest]
) -> None:
    plain, cutting = ScriptedEngine(), CuttingEngine()
    (expected,), _ = await played(clip, model, [lambda: plain])
    (found,), _ = await played(clip, model, [lambda: cutting])
    assert found.shape == (FRAMES, FACES)
    np.testing.assert_array_equal(found, expected)
    assert cutting.cut_from == [[("yuv420p", FACES)]] * FRAMES


async def test_calls_at_once_share_batches_of_frames(clip: Path, model: tuple[Path, Manifest]) -> None:
    all_there = threading.Event()
    engine = CuttingEngine(gate=all_there)

    def open_the_gate(asked: int) -> None:
        if asked == 2:  # the third call's first frame
            all_there.set()

    found, _ = await played(clip, model, [lambda: engine], calls=3, before=open_the_gate)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    assert sum(len(batch) for batch in engine.cut_from) == 3 * FRAMES
    # Which of the three are first is for the event loop to say; those that come while the gate is shut gather.
    assert max(map(len, engine.cut_from[:2])) >= 2, "what has gathered goes together"
    assert {one for batch in engine.cut_from for one in batch} == {("yuv420p", FACES)}


async def test_a_plain_engine_takes_over_in_mid_call_without_a_frame_lost(
    clip: Path, model: tuple[Path, Manifest]
) -> None:
    lost, plain = CuttingEngine(fail_on={7}, failure=LOST), ScriptedEngine()
    (expected,), _ = await played(clip, model, [ScriptedEngine])
    (found,), worker = await played(clip, model, [lambda: lost, lambda: plain])
    np.testing.assert_array_equal(found, expected)
    assert [one.name for one in worker.standing.passed_over] == ["cutting"]
    assert len(lost.batches) == 8
    assert plain.batches == [FACES] * (FRAMES - 7)


async def test_tensorrt_cuts_and_judges_as_the_cpu_does(
    machine: Machine, clip: Path, model: tuple[Path, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    cut = TensorRTEngine.infer_cuts

    def seen(self: TensorRTEngine, frames: Any) -> Any:
        shown.extend(frame.planes.pixel_format for frame in frames)
        return cut(self, frames)

    monkeypatch.setattr(TensorRTEngine, "infer_cuts", seen)
    (expected,), _ = await played(clip, model, [OnnxRuntimeEngine])
    shown.clear()
    (found,), worker = await played(clip, model, [TensorRTEngine])
    assert not worker.standing.passed_over
    assert shown.count("yuv420p") == FRAMES
    assert len(np.unique(expected.round(4))) > FRAMES, "answers differ from frame to frame"
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)


async def test_a_gpu_that_is_lost_in_mid_call_costs_no_frame(
    machine: Machine, clip: Path, model: tuple[Path, Manifest]
) -> None:
    def pull_the_plug(asked: int) -> None:
        if asked == 7:
            machine.gpu_faults.add("lost")

    (expected,), _ = await played(clip, model, [OnnxRuntimeEngine])
    (found,), worker = await played(clip, model, [TensorRTEngine, OnnxRuntimeEngine], before=pull_the_plug)
    assert [one.name for one in worker.standing.passed_over] == ["tensorrt"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
    np.testing.assert_array_equal(found[7:], expected[7:])
