"""How often the real pipeline does each of its costly things for a frame: counted, never timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream_guard.app import Runtime
from stream_guard.bench import clip
from stream_guard.bench.floor import parts
from stream_guard.config import Config
from stream_guard.errors import ConfigError
from stream_guard.faces.finder import Finder
from stream_guard.faces.landmark_network import LandmarkNetwork
from stream_guard.faces.near_face import NearFaceDetector
from stream_guard.inference.worker import InferenceWorker
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.sources import pyav
from stream_guard.sources.registry import open_source

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

FRAMES, FPS = 20, 10


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("work") / "call.mp4"
    clip.make(path, clip.Shape(width=640, height=360, fps=FPS), seconds=FRAMES / FPS)
    return path


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counts: Counter[str] = Counter()

    def count(holder: Any, name: str, amount: Callable[..., int] = lambda *_, **__: 1) -> None:
        real = getattr(holder, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            counts[name] += amount(*arguments, **named)
            return real(*arguments, **named)

        monkeypatch.setattr(holder, name, counted)

    count(pyav, "to_rgb")
    count(Finder, "__call__")
    count(FaceMeasurer, "measure")
    count(LandmarkNetwork, "_look")
    count(NearFaceDetector, "find")
    count(InferenceWorker, "infer", lambda worker, batch: len(batch))
    return counts


async def test_a_frame_is_converted_once_and_a_face_measured_and_judged_once(
    call: Path, work: Counter[str]
) -> None:
    async with Runtime(Config.make(engine="onnxruntime")) as runtime:
        source = open_source(str(call), clock=runtime.clock)
        pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=False), source)
        scored = [one async for one in pipeline.results() if isinstance(one, Scored)]
    assert len(scored) == FRAMES
    judged = sum(face.frame_score is not None for one in scored for face in one.update.faces)
    assert judged >= FRAMES - 2, "the one face is there all the time"
    assert work["to_rgb"] == FRAMES
    assert work["measure"] <= FRAMES, "no second look where the first one found it"
    assert judged <= work["infer"] <= work["measure"]
    assert work["_look"] <= work["measure"] + 1, "one look at a face that is followed"
    assert work["find"] <= 1, "MediaPipe's detector is asked for the first measurement alone"
    # Two searches a second at most, and one at the beginning.
    assert 1 <= work["__call__"] <= 2 * FRAMES / FPS + 1


def test_the_parts_alone_all_cost_something(call: Path) -> None:
    shape = clip.Shape(width=640, height=360, fps=FPS)
    floor = parts(call, shape, codec="H264", kbps=500, engine="onnxruntime", times=3)
    assert min(floor.decode, floor.rgb, floor.landmarks, floor.cnn, floor.find) > 0
    assert floor.rgb < floor.find, "one call of FFmpeg against a network over the whole picture"


def test_a_clip_without_a_face_has_no_floor(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    with pytest.raises(ConfigError, match="no face"):
        parts(path, clip.Shape(320, 240, 10), codec="VP8", kbps=300, engine="onnxruntime", times=1)
