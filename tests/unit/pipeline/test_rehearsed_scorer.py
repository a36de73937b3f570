"""A test swap raises the alarm in the copy, and leaves no trace in what is said of the session."""

from __future__ import annotations

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.face import Box
from stream_guard.pipeline.rehearsed_scorer import RehearsedScorer
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation, State, Update
from stream_guard.scoring.session import Session

pytestmark = pytest.mark.unit

FPS = 20
BOX = Box(0.3, 0.3, 0.2, 0.3)


def frame(number: int, llr: float) -> Observation:
    return Observation(number, number * NS_PER_S // FPS, (FaceObservation(1, BOX, llr=llr),))


class Stage:
    """A scorer that is fed by the second."""

    def __init__(self) -> None:
        self.swapped: set[int] = set()
        self.scorer = RehearsedScorer(Session(), is_swapped=lambda number: number in self.swapped)
        self.told: list[Update] = []
        self.number = 0

    def play(self, seconds: float, llr: float, *, swapped: bool = False) -> list[Update]:
        said = []
        for _ in range(round(seconds * FPS)):
            self.number += 1
            if swapped:
                self.swapped.add(self.number)
            said.append(self.scorer.receive(frame(self.number, llr)))
        return said

    def begin(self) -> None:
        self.scorer.begin(lambda observation, update: self.told.append(update))


def kinds(said: list[Update]) -> list[EventKind]:
    return [event.kind for update in said for event in update.events]


def test_the_copy_alarms_and_the_session_does_not() -> None:
    stage = Stage()
    stage.play(3, -3.0)
    stage.begin()
    said = stage.play(6, 4.0, swapped=True)
    assert EventKind.ALARM_RAISED in kinds(stage.told)
    assert set(kinds(said)) == {EventKind.STATE_CHANGED}
    assert said[-1].faces[0].state is State.CANNOT_JUDGE
    assert all(face.frame_score is None for update in said for face in update.faces)
    stage.scorer.end()
    after = stage.play(3, -3.0)
    assert EventKind.ALARM_RAISED not in kinds(after)
    assert EventKind.FACE_APPEARED not in kinds(after)
    assert after[-1].faces[0].state is State.AUTHENTIC


def test_the_copy_begins_with_what_is_known() -> None:
    stage = Stage()
    stage.play(3, -3.0)
    stage.begin()
    stage.play(0.05, 4.0, swapped=True)
    assert stage.told[0].faces[0].state is State.AUTHENTIC


def test_swapped_frames_that_come_late_are_kept_out_too() -> None:
    stage = Stage()
    stage.play(3, -3.0)
    stage.begin()
    stage.play(1, 4.0, swapped=True)
    stage.scorer.end()
    count = len(stage.told)
    assert all(update.faces[0].frame_score is None for update in stage.play(1, 4.0, swapped=True))
    assert len(stage.told) == count


def test_frames_from_before_are_judged_as_ever() -> None:
    stage = Stage()
    stage.begin()
    said = stage.play(2, -3.0)
    assert stage.told == []
    assert said[-1].faces[0].state is State.AUTHENTIC


def test_a_true_alarm_stands_through_a_rehearsal_and_is_not_cleared_by_it() -> None:
    stage = Stage()
    assert EventKind.ALARM_RAISED in kinds(stage.play(5, 4.0))
    stage.begin()
    said = stage.play(5, -3.0, swapped=True)
    assert EventKind.ALARM_CLEARED not in kinds(said)


def test_a_face_vouched_for_stays_so() -> None:
    stage = Stage()
    stage.play(3, -3.0)
    assert stage.scorer.trust(1)
    stage.begin()
    assert stage.play(3, 4.0, swapped=True)[-1].faces[0].trusted
    stage.scorer.end()
    assert stage.play(1, -3.0)[-1].faces[0].trusted
    assert stage.scorer.tick(stage.number * NS_PER_S // FPS).faces
