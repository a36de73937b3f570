"""The judge of records finds each kind of lie, and none where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.protocol.messages import BudgetReport, Event, FaceReport, Scores, TransportReport
from stream_guard.scoring.observation import EventKind, State
from stream_guard.testing.honesty import Heard, lies

pytestmark = pytest.mark.unit

FPS = 10
ARRIVALS = {number: NS_PER_S + number * NS_PER_S // FPS for number in range(40)}
"""Four seconds of frames, then nothing."""

LAST_NS = ARRIVALS[39]


def scores(frame: int, age_ms: float, *, state: State = State.AUTHENTIC, value: float | None = 0.9) -> Scores:
    face = FaceReport(
        id=1,
        box=(0.1, 0.1, 0.2, 0.2),
        authenticity=value,
        interval=None if value is None else (value - 0.1, value),
        state=state,
        frame_score=None,
        coverage=1.0,
    )
    return Scores(
        session="c1",
        frame=frame,
        t=frame / FPS,
        age_ms=age_ms,
        faces=(face,),
        budget=BudgetReport(target_ms=33, p95_ms=None),
        transport=TransportReport(codec="VP8", width=640, height=360, fps=FPS),
    )


def event(kind: EventKind, t: float = 0.0) -> Event:
    return Event(session="c1", t=t, kind=kind, face=None if kind is EventKind.STALE else 1)


def honest() -> list[Heard]:
    """Every frame is told of 50 ms after it came; two seconds after the last one all is stale."""
    record = [Heard(arrived_ns + 50 * NS_PER_MS, scores(number, 45.0)) for number, arrived_ns in ARRIVALS.items()]
    stale_ns = LAST_NS + 2 * NS_PER_S
    record.append(Heard(stale_ns, event(EventKind.STALE, 6.0)))
    record.append(Heard(stale_ns, scores(39, 1999.0, state=State.STALE, value=None)))
    return record


def found(record: list[Heard], **options: Any) -> list[str]:
    settings: dict[str, Any] = {"session": "c1", "ended_ns": LAST_NS + 5 * NS_PER_S} | options
    return lies(record, ARRIVALS, **settings)


def test_an_honest_record_has_none() -> None:
    assert found(honest()) == []


def test_other_sessions_are_their_own_affair() -> None:
    other = event(EventKind.ALARM_RAISED).model_copy(update={"session": "c2"})
    assert found([*honest(), Heard(LAST_NS, other)]) == []


def test_an_age_that_is_too_small_is_one() -> None:
    record = [*honest(), Heard(LAST_NS + 1500 * NS_PER_MS, scores(39, 20.0))]
    assert found(record) == ["frame 39 is 1500 ms old and said to be 20"]


def test_an_age_that_is_too_large_is_one() -> None:
    record = honest()
    record[5] = Heard(record[5].at_ns, scores(5, 500.0))
    assert found(record) == ["frame 5 is only 50 ms old and said to be 500"]


def test_a_number_on_an_old_frame_is_one_even_if_its_age_is_told() -> None:
    record = [*honest(), Heard(LAST_NS + 4 * NS_PER_S, scores(39, 3999.0))]
    assert found(record) == [
        "face 1 bears a number that is 4000 ms old",
        "a face is judged 4.0 s after the last frame",
    ]


def test_silence_about_a_silence_is_one() -> None:
    record = [one for one in honest() if not isinstance(one.message, Event)]
    (said,) = found(record)
    assert "not said to be stale in time" in said
    record.append(Heard(LAST_NS + 4 * NS_PER_S, event(EventKind.STALE, 6.0)))
    assert found(record) == [said], "too late"


def test_a_stale_face_with_a_number_is_one() -> None:
    record = [*honest(), Heard(LAST_NS + 2 * NS_PER_S, scores(39, 1999.0, state=State.STALE))]
    assert found(record) == ["face 1 is stale and bears a number"]


def test_a_frame_that_never_came_and_a_time_that_goes_back_are_lies() -> None:
    record = honest()
    record.insert(10, Heard(record[9].at_ns, scores(99, 45.0)))
    assert found(record) == ["frame 99 was scored and never came", "time goes back from 9.900 s to 1.000 s"]


def test_alarms_for_a_real_face_are_lies_and_others_come_in_turn() -> None:
    raised, cleared = event(EventKind.ALARM_RAISED, 2.0), event(EventKind.ALARM_CLEARED, 3.0)
    record = [*honest(), Heard(LAST_NS, raised)]
    assert found(record) == ["an alarm was raised for face 1 at 2.0 s, and the face is real"]
    assert found(record, real=False) == []
    assert found([*record, Heard(LAST_NS, raised)], real=False) == ["the alarm for face 1 was raised twice"]
    assert found([*honest(), Heard(LAST_NS, cleared)]) == ["an alarm for face 1 was cleared and never raised"]
