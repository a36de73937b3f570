from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S
from stream_guard.face import Face
from stream_guard.protocol.messages import TransportReport
from stream_guard.recording.moments import MomentKind, Moments
from stream_guard.scoring.observation import Cue, Driver, EventKind, FaceScore, State
from tests.unit.recording.scenes import AT, SIZE, event, face_score, scored, swapped_call

pytestmark = pytest.mark.unit

WAY = TransportReport(codec="VP8", width=320, height=180, fps=30)


def small(rgb: NDArray[np.uint8], face: Face) -> tuple[bytes, bytes]:
    return b"crop", b"wide"


def see(moments: Moments, at_s: float, *faces: FaceScore, **more: Any) -> None:
    moments.see(scored(at_s, *faces, **more), AT, WAY, "scripted")


def kinds(moments: Moments) -> list[MomentKind]:
    return [one.kind for one in moments.all()]


def test_a_call_with_a_swap_has_its_first_look_its_lowest_and_its_alarm() -> None:
    kept = swapped_call().moments
    assert kept is not None
    first, alarm, lowest = kept.all()
    assert (first.kind, first.t) == (MomentKind.FIRST_LOOK, 0.0)
    assert (alarm.kind, alarm.t) == (MomentKind.ALARM_RAISED, 5.0)
    assert (lowest.kind, lowest.t) == (MomentKind.LOWEST, 5.0)
    assert alarm.score is not None
    assert (alarm.score.authenticity, alarm.score.frame_score, alarm.face_px) == (0.1, 0.1, 90)
    assert alarm.pose == (5.0, -3.0, 0.0)
    assert alarm.patches is not None
    assert alarm.patches.shape == (11, 11)
    crop = cv2.imdecode(np.frombuffer(alarm.crop, np.uint8), cv2.IMREAD_COLOR)
    assert crop.shape == (SIZE, SIZE, 3)
    assert abs(int(crop.mean()) - 200) < 3, "the picture of that frame, no other"


def test_there_is_one_lowest_of_each_face() -> None:
    moments = Moments(small)
    for number, value in enumerate((0.9, 0.8, 0.79, 0.5, 0.7, 0.2, 0.6)):
        see(moments, number, face_score(1, value), face_score(2, 1 - value))
    lowest = {one.face: one.t for one in moments.all() if one.kind is MomentKind.LOWEST}
    assert lowest == {1: 5.0}, "face 2 never fell below its first 0.1"


def test_what_no_frame_shows_is_no_lowest() -> None:
    moments = Moments(small)
    see(moments, 0, face_score(value=0.9))
    unseen = FaceScore(1, face_score().box, 0.1, (0.0, 0.2), State.SYNTHETIC, (), None, 1.0)
    see(moments, 1, unseen)
    assert kinds(moments) == [MomentKind.FIRST_LOOK]


def test_a_change_is_one_moment_however_long_it_drives_the_score() -> None:
    moments = Moments(small)
    for number in range(5):
        driver = Driver(Cue.CHANGED, 10 * NS_PER_S + number)
        see(moments, 10 + number, face_score(drivers=(driver,)))
    see(moments, 20, face_score(drivers=(Driver(Cue.CHANGED, 19 * NS_PER_S),)))
    assert kinds(moments).count(MomentKind.FACE_CHANGED) == 2


def test_a_loop_is_one_moment_beside_a_change_of_the_same_time() -> None:
    moments = Moments(small)
    for number in range(5):
        drivers = (Driver(Cue.CHANGED, 10 * NS_PER_S), Driver(Cue.REPEATED, 10 * NS_PER_S - number))
        see(moments, 20 + number, face_score(drivers=drivers))
    assert kinds(moments).count(MomentKind.REPEATED) == kinds(moments).count(MomentKind.FACE_CHANGED) == 1


def test_an_alarm_of_a_face_that_left_has_no_picture_of_somebody_else() -> None:
    moments = Moments(small)
    see(moments, 1, face_score(2), events=(event(EventKind.ALARM_CLEARED, 1, face=1),))
    cleared = next(one for one in moments.all() if one.kind is MomentKind.ALARM_CLEARED)
    assert (cleared.face, cleared.score, cleared.crop, cleared.wide) == (1, None, b"", b"")


def test_the_telling_and_the_newest_stay() -> None:
    moments = Moments(small)
    see(moments, 0, face_score(1), events=(event(EventKind.ALARM_RAISED, 0),))
    for number in range(300):
        see(moments, 1 + number, face_score(10 + number))
    assert len(moments.all()) == 60
    assert MomentKind.ALARM_RAISED in kinds(moments), "the oldest, and the most telling"
    assert moments.all()[-1].face == 309
    assert moments.get(1) is not None
    assert moments.get(3) is None


def test_pictures_of_a_session_keep_to_their_bytes() -> None:
    moments = Moments(lambda rgb, face: (bytes(300_000), bytes(100_000)))
    for number in range(40):
        see(moments, number, face_score(number))
    assert moments.size <= 4 << 20
    assert moments.all()[-1].face == 39
    while moments.drop_least():
        pass
    assert moments.size == 0


class Later(Executor):
    """Does what it is given when it is told to."""

    def __init__(self) -> None:
        self.work: list[Any] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.work.append(fn)
        return Future()


def test_a_slow_cutter_holds_eight_frames_at_most() -> None:
    later = Later()
    moments = Moments(small, later)
    for number in range(20):
        see(moments, number, face_score(number))
    assert len(later.work) == 8
    for work in later.work:
        work()
    assert [bool(one.crop) for one in moments.all()] == [True] * 8 + [False] * 12
    see(moments, 30, face_score(30))
    assert len(later.work) == 9


def test_nothing_comes_back_after_the_end() -> None:
    later = Later()
    moments = Moments(small, later)
    see(moments, 0, face_score())
    kept = moments.all()[0]
    moments.close()
    later.work[0]()
    assert moments.all() == ()
    assert kept.crop == b""


def test_a_rehearsals_test_swap_is_no_picture_of_what_was_there() -> None:
    moments = Moments(small)
    staged = scored(3, face_score(), patches=np.ones((11, 11), np.float32))
    said = replace(staged.update.faces[0], frame_score=None)
    staged = replace(staged, update=replace(staged.update, faces=(said,)))
    moments.keep(MomentKind.MARKED, 1, "", staged, AT, WAY, "scripted")
    (kept,) = moments.all()
    assert (kept.crop, kept.wide, kept.patches) == (b"", b"", None)
    assert kept.score is not None


def test_somebody_may_ask_for_a_moment_and_write_a_note() -> None:
    moments = Moments(small)
    n = moments.keep(MomentKind.CHALLENGE, 1, "x" * 900, scored(3, face_score()), AT, WAY, "scripted")
    kept = moments.get(n)
    assert kept is not None
    assert (kept.kind, len(kept.note), kept.crop) == (MomentKind.CHALLENGE, 500, b"crop")
