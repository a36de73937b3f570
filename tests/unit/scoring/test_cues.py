"""The change cue, the drivers and the known-real face, as a session has them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stream_guard.evidence.shift import ShiftSettings
from stream_guard.scoring.observation import Cue, EventKind, Observation, State
from stream_guard.scoring.session import Session, SessionSettings
from stream_guard.scoring.track import TrackSettings
from stream_guard.scoring.verdict import VerdictSettings

from .scenes import Scene, count, face

pytestmark = pytest.mark.unit

STRICT = TrackSettings(verdict=VerdictSettings(rise=3.0), change=ShiftSettings(alarm=35.0))
"""A threshold that no face of these scenes reaches by itself."""


def scene(track: TrackSettings = STRICT) -> Scene:
    return Scene(Session(SessionSettings(track)), fps=10)


def test_a_face_that_changes_raises_the_alarm_where_its_level_alone_would_not() -> None:
    for track, alarms in ((replace(STRICT, change=None), 0), (STRICT, 1)):
        call = scene(track)
        call.show(face(-3.0), s=20)
        call.show(face(0.5), s=10)
        assert count(call.events, EventKind.ALARM_RAISED) == alarms


def test_the_alarm_says_what_drove_it_and_when_that_began() -> None:
    call = scene()
    call.show(face(-3.0), s=20)
    call.show(face(0.5), s=10)
    (alarm,) = (event for event in call.events if event.kind is EventKind.ALARM_RAISED)
    assert alarm.drivers[0].cue is Cue.CHANGED
    assert [driver.cue for driver in call.update.faces[0].drivers] == [Cue.CHANGED, Cue.LOOKS_SYNTHETIC]
    assert alarm.drivers[0].since_ns / 1e9 == pytest.approx(20.0, abs=0.3)
    assert 21 <= alarm.at_ns / 1e9 <= 26


def test_number_and_word_agree() -> None:
    """No face is called synthetic beside a number that says it is authentic."""
    call = scene()
    call.show(face(-3.0), s=20)
    for _ in range(150):
        (said,) = call.show(face(-0.2)).faces
        if said.state is State.SYNTHETIC:
            assert said.authenticity is not None
            assert said.authenticity <= 1 / (1 + math.exp(3.0)) + 1e-6
            assert said.interval is not None
            assert said.interval[0] <= said.authenticity <= said.interval[1]
    assert call.update.faces[0].state is State.SYNTHETIC


def test_a_face_that_looked_synthetic_from_the_beginning_is_a_matter_of_its_level() -> None:
    call = scene(replace(STRICT, verdict=VerdictSettings()))
    call.show(face(2.0), s=10)
    assert [driver.cue for driver in call.update.faces[0].drivers] == [Cue.LOOKS_SYNTHETIC]


def test_an_authentic_face_has_no_drivers() -> None:
    call = scene()
    call.show(face(-3.0), s=30)
    assert call.update.faces[0].drivers == ()


def test_it_clears_when_the_face_is_itself_again() -> None:
    call = scene()
    call.show(face(-3.0), s=20)
    call.show(face(0.5), s=8)
    call.show(face(-3.0), s=20)
    assert count(call.events, EventKind.ALARM_CLEARED) == 1
    assert call.update.faces[0].state is State.AUTHENTIC


@pytest.mark.parametrize("break_", ["cut", "silence", "route"])
def test_what_was_before_a_break_is_no_measure_for_what_comes_after(break_: str) -> None:
    call = scene()
    call.show(face(-3.0), s=20)
    if break_ == "silence":
        call.wait(3)
    if break_ == "route":
        observation = Observation(999, call.at_ns, (face(-0.5),), rerouted=True)
        call.events += call.session.receive(observation).events
    call.show(face(-0.5), s=30, cut=break_ == "cut")
    assert count(call.events, EventKind.ALARM_RAISED) == 0


def test_another_way_here_is_told_once_and_of_the_whole_session() -> None:
    call = scene()
    call.show(face(-3.0), s=2)
    events = call.session.receive(Observation(999, call.at_ns, (face(-0.5),), rerouted=True)).events
    assert [(event.kind, event.face) for event in events] == [(EventKind.REROUTED, None)]


def test_little_evidence_opens_the_interval_and_moves_neither_score_nor_alarm() -> None:
    whole, little = (Session(SessionSettings(replace(STRICT, verdict=VerdictSettings()))) for _ in range(2))
    for number in range(40):
        for session, evidence in ((whole, 1.0), (little, 0.2)):
            update = session.receive(Observation(number, number * 10**8, (face(2.0),), evidence=evidence))
            if session is whole:
                first = update
        assert [event.kind for event in update.events] == [event.kind for event in first.events]
    (one,), (other,) = first.faces, update.faces
    assert (one.authenticity, one.state) == (other.authenticity, other.state) == (one.authenticity, State.SYNTHETIC)
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval[0] < one.interval[0] < one.interval[1] < 0.5 < other.interval[1]


def test_frames_that_are_refused_are_no_evidence() -> None:
    call = scene()
    call.show(face(-3.0), s=20)
    call.show(face(), s=30)
    call.show(face(-3.0), s=5)
    assert count(call.events, EventKind.ALARM_RAISED) == 0


def test_a_vouched_face_alarms_no_more_at_its_usual_level_but_does_when_it_changes() -> None:
    call = scene(replace(STRICT, verdict=VerdictSettings()))
    call.show(face(1.5), s=5)
    assert call.update.faces[0].state is State.SYNTHETIC
    assert call.session.trust(1)
    call.show(face(1.5), s=20)
    assert call.update.faces[0].state is State.AUTHENTIC or call.update.faces[0].state is State.SUSPICIOUS
    assert call.update.faces[0].trusted
    call.show(face(4.0), s=10)
    assert call.update.faces[0].state is State.SYNTHETIC


def test_others_are_shown_relative_to_the_vouched_face() -> None:
    call = scene()
    call.show(face(-2.0), face(-0.5, id=2), s=5)
    assert [said.relative for said in call.update.faces] == [None, None]
    assert call.session.trust(1)
    call.show(face(-2.0), face(-0.5, id=2), s=5)
    own, other = call.update.faces
    assert (own.trusted, own.relative) == (True, None)
    assert not other.trusted
    assert other.relative == pytest.approx(1.5, abs=0.01)


def test_one_face_at_a_time_is_vouched_for_and_none_after_a_silence() -> None:
    call = scene(replace(STRICT, verdict=VerdictSettings()))
    call.show(face(1.5), face(-0.5, id=2), s=5)
    assert call.session.trust(1)
    assert call.session.trust(2)
    call.show(face(1.5), face(-0.5, id=2), s=5)
    former, vouched = call.update.faces
    assert (former.trusted, vouched.trusted) == (False, True)
    assert former.state is State.SYNTHETIC, "what the word took off its level is back"
    call.wait(s=5)
    call.show(face(1.5), face(-0.5, id=2), s=5)
    assert [(said.trusted, said.relative) for said in call.update.faces] == [(False, None)] * 2


def test_nobody_can_vouch_for_a_face_that_was_hardly_seen_or_is_gone() -> None:
    call = scene()
    assert not call.session.trust(1)
    call.show(face(-2.0))
    assert not call.session.trust(1)
    call.show(face(-2.0), s=5)
    assert call.session.trust(1)
    call.show(s=1)
    assert not call.session.trust(1)
    call.show(face(-2.0, id=2), s=5)
    assert call.update.faces[0].relative is None
    assert not call.update.faces[0].trusted


def test_the_same_observations_give_the_same_words() -> None:
    llrs = np.random.default_rng(0).normal(-1, 1, 400)
    said = []
    for _ in range(2):
        call = scene()
        for llr in llrs:
            call.show(face(float(llr)))
        said.append((call.update, call.events))
    assert said[0] == said[1]
