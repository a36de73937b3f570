"""A self-test with made-up faces: what is compared, what is not, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.errors import EngineError
from stream_guard.face import Box, Face, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline import self_test
from stream_guard.pipeline.observers import Scored
from stream_guard.pipeline.pipeline import Judgement
from stream_guard.pipeline.self_test import Finding, SelfTest
from stream_guard.pipeline.self_test_stretch import SelfTestTools, SentPicture, Stretch
from stream_guard.scoring.observation import FaceScore, State, Update
from stream_guard.sources.base import Transport
from stream_guard.sources.re_encode import VideoSetting

pytestmark = pytest.mark.unit

FPS = 12
CALL = VideoSetting("VP8", 160, 120, FPS, 120)
FACE = Box(100, 60, 80, 80)
GRAIN = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 60, (360, 480)).astype(np.float32), (0, 0), 0.8)


def picture(number: int) -> NDArray[np.uint8]:
    """320 x 240, full of fine grey grain that drifts."""
    x, y = int(60 + 40 * np.sin(number / 6)), int(50 + 40 * np.cos(number / 5))
    grey = np.clip(128 + GRAIN[y : y + 240, x : x + 320], 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def tracked(*faces: Face) -> Tracked:
    return Tracked(faces, cut=False, find_ns=0, track_ns=0, measured=len(faces), measurable=len(faces))


def score(number: int, *, trusted: bool = False) -> FaceScore:
    return FaceScore(number, FACE, 0.9, (0.8, 0.95), State.AUTHENTIC, (), 0.9, 1.0, trusted=trusted)


@dataclass
class Scene:
    """A live session and what a self-test scores with; grain counts for authentic.

    Attributes:
        faces: in every live frame.
        after: what the tracker makes of what arrived, over the face where it lies there.
        scores: of the live faces.
    """

    faces: tuple[Face, ...] = (Face(1, FACE),)
    after: Callable[[Face], tuple[Face, ...]] = lambda face: (face,)
    scores: tuple[FaceScore, ...] = ()
    batches: list[int] = field(default_factory=list)
    sizes: set[tuple[int, ...]] = field(default_factory=set)

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        self.sizes.add(rgb.shape)
        scale = rgb.shape[1] / 320
        box = Box(*(scale * value for value in (FACE.x, FACE.y, FACE.width, FACE.height)))
        return tracked(*self.after(Face(7, box)))

    async def infer(self, crops: NDArray[np.uint8]) -> Judgement:
        self.batches.append(len(crops))
        detail = np.abs(np.diff(crops.astype(np.float32), axis=2)).mean(axis=(1, 2, 3))
        return Judgement((3 - detail / 4).astype(np.float32))

    def tools(self) -> SelfTestTools:
        return SelfTestTools(lambda: self, self.infer, size=64, margin=1.4, clip=4.0, correlation_s=0.1)

    def scored(self, number: int, fps: float = FPS) -> Scored:
        frame = Frame.from_rgb(picture(number), sequence=number)
        update = Update(faces=self.scores)
        plan = Plan(faces=1)
        return Scored(frame, number / fps, 0, update, plan, Transport(), tracked(*self.faces))


async def play(test: SelfTest, scene: Scene, *, pictures: int = 200, fps: float = FPS) -> Finding:
    """Offer frames until no more are wanted, or there are none."""
    running = asyncio.create_task(test.run())
    for number in range(pictures):
        test.offer(scene.scored(number, fps))
        while test.waiting:
            await asyncio.sleep(0.001)
        if not test.gathering:
            break
    return await running


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Every self-test ends its thread."""
    threads = {thread for thread in threading.enumerate() if thread.name == "stream-guard-self-test"}
    yield
    for thread in threading.enumerate():
        if thread.name == "stream-guard-self-test" and thread not in threads:
            thread.join(10)
            assert not thread.is_alive()


async def test_what_the_codec_takes_from_a_face_moves_its_score() -> None:
    scene = Scene()
    test = SelfTest(CALL, scene.tools())
    finding = await play(test, scene)
    figures = finding.figures
    assert figures is not None
    assert (figures.frames, finding.with_face, finding.left_out) == (4 * FPS, 4 * FPS, 0)
    assert figures.moved > 1  # the grain is gone
    assert figures.before < figures.after
    assert figures.authenticity_before > 0.5 > figures.authenticity_after
    assert finding.reached_kbps == pytest.approx(CALL.kbps, rel=1 / 3)
    assert finding.sent == VideoSetting("VP8", 160, 120, FPS, pytest.approx(120))
    assert scene.sizes == {(120, 160, 3)}
    assert finding.picture is not None
    shown = cv2.imdecode(np.frombuffer(finding.picture, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (64, 132, 3)
    assert max(scene.batches) == 4
    assert test.progress == 1.0


async def test_with_bits_to_spare_it_hardly_moves() -> None:
    scene = Scene()
    generous = VideoSetting("H264", 320, 240, FPS, 8000)
    finding = await play(SelfTest(generous, scene.tools()), scene)
    assert finding.figures is not None
    assert abs(finding.figures.moved) < 0.3


async def test_frames_are_taken_no_faster_than_fifteen_a_second() -> None:
    scene = Scene()
    test = SelfTest(replace(CALL, fps=30), scene.tools())
    finding = await play(test, scene, pictures=400, fps=60)
    assert finding.sent is not None
    assert finding.sent.fps == 15
    assert finding.sent.kbps == pytest.approx(60)
    assert finding.figures is not None
    assert finding.figures.frames == 60


@pytest.mark.parametrize("fps", [60, 30, 25, 20])
async def test_the_average_rate_is_kept_and_nothing_is_made_up_for(fps: int) -> None:
    scene = Scene()
    stretch = Stretch(replace(CALL, fps=30), scene.tools())
    times = [number / fps for number in range(4 * fps)]
    taken = []
    for at_s in [*times, *(6.0 + later for later in times)]:  # two seconds of silence between
        stretch.offer(replace(scene.scored(0), at_s=at_s))
        if stretch.waiting:
            taken.append((await stretch.next()).at_s)
    assert len(taken) == pytest.approx(2 * 60, abs=2)
    assert min(np.diff(taken)) > 0.45 / 15


async def test_what_is_refused_afterwards_is_counted_with_its_reason() -> None:
    def blurred(face: Face) -> tuple[Face, ...]:
        return (replace(face, reasons=(Reason.BLURRED,)),)

    scene = Scene(after=blurred)
    finding = await play(SelfTest(CALL, scene.tools()), scene)
    assert finding.figures is None
    assert finding.refused == {Reason.BLURRED: 4 * FPS}
    elsewhere = Scene(after=lambda face: (replace(face, box=Box(0, 0, 10, 10)),))
    finding = await play(SelfTest(CALL, elsewhere.tools()), elsewhere)
    assert finding.refused == {None: 4 * FPS}
    assert finding.picture is None


async def test_a_face_that_cannot_be_judged_before_is_not_compared() -> None:
    scene = Scene(faces=(Face(1, FACE, reasons=(Reason.DARK,)),))
    finding = await play(SelfTest(CALL, scene.tools()), scene)
    assert (finding.with_face, finding.figures, scene.batches) == (0, None, [])


@pytest.mark.parametrize("trusted", [True, False])
async def test_the_face_that_is_vouched_for_goes_first_then_the_largest(trusted: bool) -> None:
    large, small = Face(1, Box(10, 10, 90, 90)), Face(2, FACE)
    scene = Scene(faces=(large, small), scores=(score(1), score(2, trusted=trusted)))
    test = SelfTest(CALL, scene.tools())
    for number in range(2 * FPS):
        test._stretch.send(scene.scored(number))
    boxes = {sent.box for sent in test._stretch.settled}
    assert boxes == {Box(50, 30, 40, 40) if trusted else Box(5, 5, 45, 45)}


async def test_where_no_picture_comes_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_GATHER_LIMIT_S", 0.05)
    assert await SelfTest(CALL, Scene().tools()).run() == Finding(CALL)


async def test_too_few_pictures_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_GATHER_LIMIT_S", 1.0)
    scene = Scene()
    finding = await play(SelfTest(CALL, scene.tools()), scene, pictures=5)
    assert finding.sent is not None
    assert (finding.reached_kbps, finding.figures) == (None, None)


@pytest.mark.parametrize("pictures", [3, 40])
async def test_a_cancelled_one_ends_at_once_and_keeps_no_picture(pictures: int) -> None:
    scene = Scene()
    test = SelfTest(CALL, scene.tools())
    running = asyncio.create_task(play(test, scene, pictures=pictures))
    async with asyncio.timeout(10):
        while len(test._stretch.sent) < pictures - 1:
            await asyncio.sleep(0.001)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    async with asyncio.timeout(10):
        while test._stretch.sent:
            await asyncio.sleep(0.01)
    test.offer(scene.scored(99))
    assert not test._stretch.waiting
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is SentPicture]


async def test_an_engine_that_fails_ends_it() -> None:
    class Broken(Scene):
        async def infer(self, crops: NDArray[np.uint8]) -> Judgement:
            raise EngineError("no engine is left")

    scene = Broken()
    with pytest.raises(EngineError, match="no engine is left"):
        await play(SelfTest(CALL, scene.tools()), scene)


async def test_what_is_kept_is_small_whatever_the_pictures_size() -> None:
    call = VideoSetting("VP8", 1280, 720, 15, 1500)
    scene = Scene()
    test = SelfTest(call, scene.tools())
    large = np.ascontiguousarray(cv2.resize(picture(0), (1280, 720)))
    for number in range(18):
        frame = Frame.from_rgb(np.roll(large, number, axis=1), sequence=number)
        test._stretch.send(replace(scene.scored(number), frame=frame))
    assert test._stretch._bytes < 1 << 20  # 18 pictures would be 50 MB
    assert len(test._stretch.settled) == 3
