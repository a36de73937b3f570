"""TensorRT cuts faces out of frames: the kernel's own lines, built for the host, on a GPU made of NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.cuda.frames import FrameMemory
from engines.onnxruntime import OnnxRuntimeEngine
from engines.tensorrt import TensorRTEngine
from engines.tensorrt import engine as engine_module
from engines.tensorrt import session as session_module
from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.engine import EngineOptions, Probe
from stream_guard.inference.faces import Faces, FrameFaces
from stream_guard.inference.worker import InferenceWorker
from stream_guard.models.manifest import Manifest
from stream_guard.testing.cutting import crops_of
from stream_guard.testing.cutting_contract import CuttingEngineContract, cuts, picture
from stream_guard.testing.engines import make_model
from tests.engines.fake_gpu import FakeGpu, _bytes_at
from tests.engines.fake_machine import Machine
from tests.engines.host_crop import build

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

SIZE = 32
Model = tuple[Path, Manifest]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ctypes.CDLL(str(build(tmp_path_factory.mktemp("kernel") / "crop.so", "-shared", "-fPIC"))).crop


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernel: Any) -> Machine:
    made = Machine(monkeypatch, tmp_path / "cache")
    made.crop = kernel
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return make_model(tmp_path_factory.mktemp("model"), size=SIZE)


@pytest.fixture
def engine(machine: Machine, model: Model) -> Iterator[TensorRTEngine]:
    made = TensorRTEngine()
    made.load(*model, EngineOptions(max_batch=8, precision="fp32"))
    yield made
    made.close()


class TestCuttingContract(CuttingEngineContract):
    engine = TensorRTEngine

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def machine(cls, tmp_path_factory: pytest.TempPathFactory, kernel: Any) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            Machine(patch, tmp_path_factory.mktemp("cache")).crop = kernel
            patch.setattr(engine_module, "probe", lambda: Probe(True, "made of NumPy", "cuda:0", 40))
            yield


def pixels(engine: TensorRTEngine, faces: int) -> Any:
    """Return what TensorRT was shown last: float32, (faces, 3, SIZE, SIZE), 0 to 1."""
    assert engine._session is not None
    memory = engine._session._pixels
    return _bytes_at(memory.address, faces * 3 * SIZE * SIZE * 4).view(np.float32).reshape(faces, 3, SIZE, SIZE)


def test_tensorrt_is_shown_what_the_cpu_would_cut(engine: TensorRTEngine) -> None:
    frames = [cuts(picture(322, 180), 4, SIZE), cuts(picture(96, 64, "rgb24"), 3, SIZE)]
    engine.infer_cuts(frames)
    wanted = crops_of(frames, SIZE).transpose(0, 3, 1, 2)
    assert np.abs(pixels(engine, 7) * 255 - wanted).max() <= 1 + 1e-3


def test_a_batch_is_filled_up_with_its_last_face(engine: TensorRTEngine) -> None:
    engine.infer_cuts([cuts(picture(96, 64, seed=1), 8, SIZE)])
    engine.infer_cuts([cuts(picture(96, 64), 3, SIZE)])
    np.testing.assert_array_equal(pixels(engine, 4)[3], pixels(engine, 4)[2])


def test_what_repeats_runs_as_one_graph_and_allocates_nothing(machine: Machine, engine: TensorRTEngine) -> None:
    (gpu,), session = machine.gpus, engine._session
    assert session is not None
    frames = [cuts(picture(96, 64), 2, SIZE)]
    first = engine.infer_cuts(frames).logits
    allocations, launches = gpu.allocations, gpu.launches
    captured = session.captured_frames
    answers = [engine.infer_cuts([cuts(picture(96, 64), 2, SIZE)]).logits for _ in range(4)]
    assert session.captured_frames == captured + 1
    assert gpu.launches == launches + 4 + 1, "the capture is tried once"
    assert gpu.allocations == allocations
    for answer in answers:
        np.testing.assert_array_equal(answer, first)


def test_so_many_sizes_are_captured_and_no_more(engine: TensorRTEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine._session is not None
    monkeypatch.setattr(session_module, "_MOST_FRAME_GRAPHS", len(engine._session._seen) + 2)
    before = engine._session.captured_frames
    for _ in range(3):
        for width in (32, 48, 64, 80):
            engine.infer_cuts([cuts(picture(width, 32), 1, SIZE)])
    assert engine._session.captured_frames == before + 2


def test_larger_frames_get_larger_memory_once(machine: Machine, engine: TensorRTEngine) -> None:
    (gpu,) = machine.gpus
    small, large = cuts(picture(96, 64), 2, SIZE), cuts(picture(2048, 1440), 2, SIZE)
    before = engine.infer_cuts([small]).logits
    allocations = gpu.allocations
    for _ in range(3):
        expected = engine.infer(crops_of([large], SIZE)).logits
        np.testing.assert_allclose(engine.infer_cuts([large]).logits, expected, rtol=0, atol=0.02)
    assert gpu.allocations == allocations + 2, "here and there"
    np.testing.assert_array_equal(engine.infer_cuts([small]).logits, before)


@pytest.mark.parametrize("way", ["not capturable", "fails in capture"])
def test_without_cuda_graphs_frames_are_cut_step_by_step(machine: Machine, model: Model, way: str) -> None:
    if way == "not capturable":
        machine.faults["capturable"] = False
    else:
        machine.faults["execute in capture"] = "Error Code 1: Cuda Runtime (operation not permitted)"
    engine = TensorRTEngine()
    engine.load(*model, EngineOptions(max_batch=4, precision="fp32"))
    frame = cuts(picture(96, 64), 3, SIZE)
    for _ in range(3):
        expected = engine.infer(crops_of([frame], SIZE)).logits
        np.testing.assert_allclose(engine.infer_cuts([frame]).logits, expected, rtol=0, atol=0.02)
    assert machine.gpus[0].launches == 0


def test_more_faces_than_the_plan_takes_go_in_several(machine: Machine, model: Model) -> None:
    engine = TensorRTEngine()
    engine.load(*model, EngineOptions(max_batch=70, precision="fp32"))
    frames = [cuts(picture(96, 64, seed=number), count, SIZE) for number, count in enumerate((20, 30, 15))]
    logits, patches = engine.infer_cuts(frames)
    alone = np.concatenate([engine.infer_cuts([frame]).logits for frame in frames])
    np.testing.assert_allclose(logits, alone, rtol=0, atol=1e-5)
    assert patches is not None
    assert patches.shape == (65, 4, 4)


def test_frames_that_never_reach_the_gpu_are_noticed_at_load(
    machine: Machine, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameMemory, "upload", lambda self: None)
    with pytest.raises(EngineError, match="answers wrong"):
        TensorRTEngine().load(*model, EngineOptions(max_batch=2, precision="fp32"))
    assert machine.gpus[-1].closed


def test_a_face_that_is_shrunk_too_far_is_refused_and_the_next_one_cut(engine: TensorRTEngine) -> None:
    planes = picture(96, 64)
    good = cuts(planes, 1, SIZE)
    before = engine.infer_cuts([good]).logits
    with pytest.raises(EngineError, match="shrunk"):
        engine.infer_cuts([FrameFaces(planes, good.matrices * 1e-6)])
    np.testing.assert_array_equal(engine.infer_cuts([good]).logits, before)


async def test_where_the_gpu_has_no_room_for_frames_the_cpu_cuts_and_the_gpu_judges(
    machine: Machine, model: Model
) -> None:
    options = EngineOptions(max_batch=4, precision="fp32")
    async with InferenceWorker([TensorRTEngine, OnnxRuntimeEngine], *model, options=options) as worker:
        machine.gpu_faults.add("memory")
        frame = cuts(picture(2048, 1440), 2, SIZE)
        expected = await worker.infer(crops_of([frame], SIZE))
        for cuts_again in (True, True, False):
            answer = await worker.infer(Faces(lambda: crops_of([frame], SIZE), frame))
            np.testing.assert_array_equal(answer.logits, expected.logits)
            assert worker.cuts == cuts_again
        assert worker.standing.engine == "tensorrt"


async def test_a_gpu_that_is_lost_while_it_cuts_is_replaced_and_its_faces_are_cut_by_the_cpu(
    machine: Machine, model: Model
) -> None:
    engines = [TensorRTEngine, OnnxRuntimeEngine]
    frame = cuts(picture(322, 180), 3, SIZE)
    async with InferenceWorker(engines, *model, options=EngineOptions(max_batch=4, precision="fp32")) as worker:
        assert worker.cuts
        before = await worker.infer(Faces(lambda: crops_of([frame], SIZE), frame))
        machine.gpu_faults.add("lost")
        after = await worker.infer(Faces(lambda: crops_of([frame], SIZE), frame))
        assert worker.standing.engine == "onnxruntime"
        assert not worker.cuts
    np.testing.assert_allclose(before.logits, after.logits, rtol=0, atol=0.02)
    assert isinstance(machine.gpus[0], FakeGpu)
    assert machine.gpus[0].closed


def test_a_gpu_that_is_lost_says_so_for_frames_too(machine: Machine, engine: TensorRTEngine) -> None:
    machine.gpu_faults.add("lost")
    with pytest.raises(EngineLost):
        engine.infer_cuts([cuts(picture(96, 64), 1, SIZE)])
