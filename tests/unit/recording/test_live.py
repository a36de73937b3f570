from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stream_guard.challenges.challenge import ChallengeState
from stream_guard.models.store import default_model
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.protocol.messages import Challenge, StretchReport
from stream_guard.recording.compose import settings
from stream_guard.recording.document import Report
from stream_guard.recording.live import LiveRecords
from stream_guard.recording.moments import MomentKind
from stream_guard.scoring.observation import EventKind
from tests.unit.recording.scenes import LIVE, event, face_score, scored

pytestmark = pytest.mark.unit

_, MANIFEST = default_model()


def records(*, picture_bytes: int | None = 100, keep_s: float = 1800, most_bytes: int = 64 << 20) -> LiveRecords:
    return LiveRecords(
        manifest=MANIFEST,
        engine=lambda: "scripted",
        settings=lambda: settings(MANIFEST, false_alarms_per_hour=1.0, engine="scripted"),
        crop=None if picture_bytes is None else lambda rgb, face: (bytes(picture_bytes), b"wide"),
        keep_s=keep_s,
        most_bytes=most_bytes,
    )


def call(name: str) -> SessionInfo:
    return replace(LIVE, id=name)


def challenge(step: int | None, say: str, over: tuple[str, ...] = ()) -> Challenge:
    stretch = StretchReport(frames=1, judged=1, looks=1, llr=0, authenticity=None, interval=None)
    return Challenge(
        session="c1",
        face=1,
        t=0,
        state=ChallengeState.DONE if over else ChallengeState.ASKING,
        say=say,
        remaining_s=1,
        current=step,
        amount=None,
        steps=(),
        before=stretch,
        after=stretch,
        words=over,
    )


async def cut(known: LiveRecords, session: str) -> list[dict[str, Any]]:
    """Wait until every picture of a session is there."""
    async with asyncio.timeout(15):
        while True:
            told = known.moments(session)
            assert told is not None
            if told["moments"] and all(one["has_crop"] for one in told["moments"]):
                return list(told["moments"])
            await asyncio.sleep(0.01)


async def test_a_session_is_remembered_after_its_end_and_then_no_more() -> None:
    known = records(keep_s=0.2)
    known.session_changed(LIVE, "connecting")
    known.frame_scored(LIVE, scored(0, face_score()))
    (moment,) = await cut(known, "c1")
    assert moment["kind"] == "first_look"
    known.session_changed(LIVE, "ended", "over")
    assert known.report("c1", "html") is not None
    async with asyncio.timeout(15):
        while known.report("c1", "html") is not None:
            await asyncio.sleep(0.02)
    assert known.moments("c1") is None
    assert known.moment("c1", 1) is None
    assert known.picture("c1", 1) is None
    assert known.graph("c1") is None
    known.close()


async def test_sixteen_sessions_that_have_ended_are_remembered() -> None:
    known = records()
    for number in range(20):
        known.session_changed(call(f"c{number}"), "live")
        known.frame_scored(call(f"c{number}"), scored(0, face_score()))
        known.session_changed(call(f"c{number}"), "ended")
    assert [number for number in range(20) if known.moments(f"c{number}") is not None] == list(range(4, 20))
    known.close()
    assert known.moments("c19") is None


async def test_attempts_that_came_to_nothing_take_no_calls_place() -> None:
    known = records()
    known.session_changed(LIVE, "connecting")
    known.frame_received(LIVE, scored(0).frame)
    known.session_changed(LIVE, "ended")
    for number in range(2, 100):
        known.session_changed(call(f"c{number}"), "connecting")
        known.session_changed(call(f"c{number}"), "ended", "nothing answers")
    assert known.moments("c1") is not None
    assert [number for number in range(2, 100) if known.moments(f"c{number}") is not None] == []
    known.close()


async def test_an_end_without_a_beginning_is_nothing() -> None:
    known = records()
    known.session_changed(LIVE, "ended")
    known.frame_scored(LIVE, scored(0, face_score()))
    assert known.moments("c1") is None
    known.close()


async def test_all_sessions_together_keep_to_their_bytes() -> None:
    known = records(picture_bytes=100_000, most_bytes=500_000)
    for number in range(4):
        known.session_changed(call(f"c{number}"), "live")
        for face in range(3):
            known.frame_scored(call(f"c{number}"), scored(1 + face, face_score(face)))
            await cut(known, f"c{number}")
        alarm = (event(EventKind.ALARM_RAISED, 9, face=0),)
        known.frame_scored(call(f"c{number}"), scored(9, face_score(0), events=alarm))
        await cut(known, f"c{number}")
    known.frame_scored(call("c3"), scored(30, face_score(0)))  # a look at the bounds is due
    told = [known.moments(f"c{number}") for number in range(4)]
    kept = [moment["kind"] for one in told if one is not None for moment in one["moments"]]
    assert len(kept) * 100_000 <= 500_000
    assert kept.count("alarm_raised") == 4, "the most telling stayed"
    known.close()


async def test_a_report_is_of_the_moment_it_was_asked_for() -> None:
    known = records(picture_bytes=None)
    known.session_changed(LIVE, "live")
    known.frame_scored(LIVE, scored(0, face_score()))
    make = known.report("c1", "json")
    assert make is not None
    for number in range(50):
        known.frame_scored(LIVE, scored(1 + number, face_score(number)))
    one = Report.model_validate_json(await asyncio.to_thread(make)).recordings[0]
    assert (one.verdict.frames, len(one.faces), one.moments_kept) == (1, 1, False)
    known.close()


async def test_moments_can_be_asked_for_while_a_call_runs() -> None:
    known = records()
    assert known.keep("c1", 1, MomentKind.MARKED) is None
    known.session_changed(LIVE, "live")
    assert known.keep("c1", 1, MomentKind.MARKED) is None, "there is no picture yet"
    known.frame_scored(LIVE, scored(0, face_score()))
    n = known.keep("c1", 1, MomentKind.MARKED, "odd")
    assert n is not None
    found = known.moment("c1", n)
    assert found is not None
    assert (found["note"], found["kind"], found["around"]["t"]) == ("odd", "marked", [0.0])
    known.close()


async def test_every_action_of_a_challenge_and_its_end_are_moments() -> None:
    known = records()
    known.session_changed(LIVE, "live")
    known.frame_scored(LIVE, scored(0, face_score()))
    said: list[Challenge] = [
        challenge(0, "turn to the left"),
        challenge(0, "turn to the left"),
        challenge(1, "raise a hand"),
        challenge(None, "", over=("turned as asked", "a hand passed")),
    ]
    for message in said:
        known.challenged(message)
    told = known.moments("c1")
    assert told is not None
    notes = [one["note"] for one in told["moments"] if one["kind"] == "challenge"]
    assert notes == ["turn to the left", "raise a hand", "turned as asked a hand passed"]
    known.close()
