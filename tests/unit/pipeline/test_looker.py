"""What the looking thread hands on: crops, or the frame and where the faces are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from av import VideoFrame

from stream_guard.budget.plan import Plan
from stream_guard.face import Box, Face, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame, Planes
from stream_guard.inference.faces import Faces
from stream_guard.pipeline.looker import Looker, Tracker
from stream_guard.sources.colour import planes, to_rgb
from stream_guard.testing.cutting import crops_of

from .doubles import CLOCK

pytestmark = pytest.mark.unit

SIZE = 32
PLAN = Plan(faces=4)


class Faces4:
    """Sees four faces, two of which can be judged."""

    def update(self, rgb: object, at_ns: int, *, plan: Plan) -> Tracked:
        faces = (
            Face(id=1, box=Box(40, 20, 30, 40)),
            Face(id=2, box=Box(100, 10, 8, 8), measured=False),
            Face(id=3, box=Box(70, 5, 60, 60), reasons=(Reason.FACE_TOO_SMALL,)),
            Face(id=4, box=Box(-10, -5, 60, 50)),
        )
        return Tracked(faces=faces, cut=False, find_ns=0, track_ns=1, measured=3, measurable=3)


class Nobody:
    def update(self, rgb: object, at_ns: int, *, plan: Plan) -> Tracked:
        return Tracked(faces=(), cut=False, find_ns=0, track_ns=1, measured=0, measurable=0)


class Eye(Looker):
    """Looks for an engine that can be told whether it cuts."""

    engine = True

    def __init__(self, tracker: Tracker) -> None:
        super().__init__(tracker, size=SIZE, margin=1.3, max_faces=4, clock=CLOCK, engine_cuts=lambda: self.engine)


@pytest.fixture
def eye() -> Iterator[Eye]:
    made = Eye(Faces4())
    yield made
    made.close()


def decoded(width: int = 160, height: int = 90, pixel_format: str = "yuv420p") -> VideoFrame:
    rgb = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


def frame_of(picture: VideoFrame) -> Frame:
    return Frame(
        lambda: to_rgb(picture, hd_is_bt709=False),
        sequence=0,
        media_s=0.0,
        arrived_ns=0,
        width=picture.width,
        height=picture.height,
        planes=lambda: planes(picture, hd_is_bt709=False),
    )


def test_an_engine_that_cuts_gets_the_decoders_own_planes_and_the_places(eye: Eye) -> None:
    picture = decoded()
    looked = eye.look(frame_of(picture), 0, PLAN)
    assert [face.id for face in looked.judged] == [1, 4]
    assert isinstance(looked.batch, Faces)
    assert looked.batch.frame is not None
    assert looked.batch.frame.planes.pixel_format == "yuv420p"
    for mine, theirs in zip(looked.batch.frame.planes.planes, picture.planes, strict=True):
        assert mine.ctypes.data == theirs.buffer_ptr, "not a copy"
    np.testing.assert_array_equal(crops_of([looked.batch.frame], SIZE), looked.batch.crops())


def test_what_it_would_be_cut_by_the_cpu_is_the_same_whichever_engine_runs(eye: Eye) -> None:
    later = eye.look(frame_of(decoded()), 0, PLAN).batch
    eye.engine = False
    at_once = eye.look(frame_of(decoded()), 0, PLAN).batch
    assert isinstance(later, Faces)
    assert isinstance(at_once, np.ndarray)
    np.testing.assert_array_equal(later.crops(), at_once)


@pytest.mark.parametrize(
    "picture", [decoded(height=91), decoded(pixel_format="nv12"), decoded(pixel_format="bgra")]
)
def test_a_picture_in_another_form_goes_as_rgb(eye: Eye, picture: VideoFrame) -> None:
    batch = eye.look(frame_of(picture), 0, PLAN).batch
    assert isinstance(batch, Faces)
    assert batch.frame is not None
    assert batch.frame.planes.pixel_format == "rgb24"
    np.testing.assert_array_equal(crops_of([batch.frame], SIZE), batch.crops())


def test_where_there_is_no_face_for_the_model_nothing_is_handed_on() -> None:
    eye = Eye(Nobody())
    try:
        looked = eye.look(frame_of(decoded()), 0, PLAN)
    finally:
        eye.close()
    assert looked.judged == ()
    assert len(looked.batch) == 0


def test_no_other_engine_costs_a_frame_its_planes(eye: Eye) -> None:
    eye.engine = False
    asked: list[int] = []

    def ask() -> Planes | None:
        asked.append(1)
        return None

    frame = Frame(
        lambda: np.zeros((90, 160, 3), np.uint8),
        sequence=0,
        media_s=0.0,
        arrived_ns=0,
        width=160,
        height=90,
        planes=ask,
    )
    eye.look(frame, 0, PLAN)
    assert not asked


def test_once_converted_a_frame_has_let_the_decoders_buffer_go() -> None:
    frame = frame_of(decoded())
    kept = frame.planes()
    frame.rgb()
    assert frame.planes() is None
    assert kept is not None, "whoever asked before still holds it"
    assert kept.planes[0].shape[0] == 90


class Still:
    """Sees one face in a picture that moves or does not."""

    moves = True

    def __init__(self) -> None:
        self.count = 0

    def update(self, rgb: object, at_ns: int, *, plan: Plan) -> Tracked:
        self.count += self.moves
        picture = np.full((144, 256), 10.0 * (self.count % 9), np.float32)
        faces = (Face(id=1, box=Box(40, 10, 60, 70)), Face(id=2, box=Box(2, 2, 6, 8)))
        return Tracked(faces, cut=False, find_ns=0, track_ns=1, measured=2, measurable=2, picture=picture)


def test_a_face_in_a_picture_that_stands_still_is_no_longer_judged_until_it_moves() -> None:
    tracker = Still()
    eye = Eye(tracker)
    frame = frame_of(decoded())

    def seconds(first: int, last: int) -> list[tuple[int, ...]]:
        times = range(first * 10, last * 10)
        return [tuple(face.id for face in eye.look(frame, at * 10**8, PLAN).judged) for at in times]

    try:
        assert set(seconds(0, 5)) == {(1, 2)}
        tracker.moves = False
        assert seconds(5, 10)[-1] == (2,), "a small one moves less than can be seen"
        tracked = eye.look(frame, 10 * 10**9, PLAN).tracked
        assert [face.reasons for face in tracked.faces] == [(Reason.FROZEN,), ()]
        tracker.moves = True
        assert seconds(11, 13)[-1] == (1, 2)
    finally:
        eye.close()
