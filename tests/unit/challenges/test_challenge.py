"""A challenge from the first word to the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import Challenge, ChallengeState, Timing
from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.lapses import LapseKind
from stream_guard.challenges.sight import Sight
from stream_guard.challenges.words import CAUTION, step_words, summary_words
from stream_guard.clock import NS_PER_S
from stream_guard.face import Reason
from stream_guard.scoring.smoothing import SmoothingSettings
from tests.unit.challenges.scenes import FPS, GONE, lost, numbered, rest_glimpse, turned

pytestmark = pytest.mark.unit

TIMING = Timing(before_ns=2 * NS_PER_S, action_ns=5 * NS_PER_S, after_ns=2 * NS_PER_S, patience_ns=4 * NS_PER_S)
REST = [rest_glimpse(0)] * (2 * FPS + 1)


def begin(actions: Sequence[Action]) -> Challenge:
    return Challenge(actions, face=1, at_ns=0, smoothing=SmoothingSettings(), enough_looks=1.75, timing=TIMING)


def play(challenge: Challenge, glimpses: Iterable[Glimpse]) -> Challenge:
    for glimpse in numbered(glimpses):
        challenge.add(glimpse)
    return challenge


def sweep(degrees: float, llr: float = -2.0) -> list[Glimpse]:
    there = np.linspace(0, degrees, 20)
    return [turned(float(one), llr=llr if abs(one) > 12 else -2.0) for one in [*there, *there[::-1], *[0.0] * 8]]


def test_it_asks_for_one_action_after_the_other_and_ends() -> None:
    challenge = begin([Action.TURN_LEFT, Action.TURN_RIGHT])
    assert challenge.say.startswith("May I ask you")
    play(challenge, [*REST, *sweep(50), *sweep(-50), *REST, *REST])
    assert challenge.state is ChallengeState.DONE
    assert [step.finding.sight for step in challenge.steps if step.finding] == [Sight.SEEN, Sight.SEEN]
    assert challenge.remaining_s == 0.0
    assert challenge.say == "Thank you, that was all."


def test_an_action_that_does_not_come_ends_by_itself() -> None:
    challenge = play(begin([Action.TURN_LEFT]), [rest_glimpse(0)] * (FPS * 6))
    assert challenge.state is ChallengeState.ASKING
    assert challenge.remaining_s == pytest.approx(1.05)
    assert challenge.say.startswith("Please turn your head slowly to your left")
    play(challenge, [rest_glimpse(0)] * (FPS * 10))
    assert challenge.state is ChallengeState.DONE
    assert challenge.steps[0].finding is not None
    assert challenge.steps[0].finding.sight is Sight.NOT_SEEN


def test_what_was_seen_is_said_with_the_score_before_and_during() -> None:
    challenge = play(begin([Action.TURN_LEFT]), [*REST, *sweep(62, llr=3.0), *REST])
    assert challenge.state is ChallengeState.DONE
    during = challenge.steps[0].during
    assert during is not None
    assert during.llr > 0 > challenge.before.llr
    said = step_words(challenge.steps[0], challenge.before, 0)
    assert said[:2] == ("Turned 62 degrees to their left, and back.", "The face stayed one face.")
    assert said[2].startswith("The score fell from 88% before to 5% while turning (")
    assert summary_words(challenge)[0] == "1 of 1 actions were seen."
    assert summary_words(challenge)[-1] == CAUTION


def test_frames_that_could_not_be_judged_are_less_evidence_and_no_lower_score() -> None:
    there = [*np.linspace(0, 60, 20), *np.linspace(60, 0, 20), *[0.0] * 8]
    frames = [turned(float(d), llr=None if d > 12 else -2.0, reasons=(Reason.TURNED_AWAY,)) for d in there]
    challenge = play(begin([Action.TURN_LEFT]), [*REST, *frames, *REST])
    during = challenge.steps[0].during
    assert during is not None
    assert (during.judged, during.llr, during.authenticity) == (0, 0.0, None)
    assert during.frames > 20
    assert "Too little could be judged while turning" in step_words(challenge.steps[0], challenge.before, 0)[-1]


def test_a_face_that_is_lost_and_one_that_takes_its_place_are_told_with_the_time() -> None:
    other = [turned(20.0, face=2)] * 4
    frames = [*sweep(40)[:20], *[lost(Reason.COVERED)] * 10, *other, *sweep(40)[20:]]
    challenge = play(begin([Action.TURN_LEFT]), [*REST, *frames, *REST])
    step = challenge.steps[0]
    kinds = [lapse.kind for lapse in step.lapses]
    assert kinds == [LapseKind.COVERED, LapseKind.OTHER_FACE, LapseKind.OTHER_FACE]
    said = step_words(step, challenge.before, 0)
    assert "It could not be followed, covered for 0.5 s, first at second 3.0." in said
    assert "Another face took its place at second 3.5, at second 3.8." in said
    assert "The face stayed one face." not in said


def test_a_face_that_cannot_be_seen_is_not_asked() -> None:
    challenge = play(begin([Action.TURN_LEFT]), [GONE] * (FPS * 5))
    assert challenge.state is ChallengeState.LOST
    assert summary_words(challenge) == ("It did not begin: the face could not be seen well enough.",)


def test_who_waits_for_a_turn_at_being_measured_has_no_lapse() -> None:
    waits = rest_glimpse(0, measured=False, pose=None, skin=None, llr=None)
    challenge = play(begin([Action.TURN_LEFT]), [rest_glimpse(0), waits] * (FPS * 3))
    assert challenge.state is ChallengeState.ASKING
    assert challenge.steps[0].lapses == ()


def test_a_face_that_is_measured_on_every_fifth_frame_is_told_of_as_any_other() -> None:
    waits = rest_glimpse(0, measured=False, pose=None, skin=None, llr=None)
    quiet = begin([Action.TURN_LEFT, Action.HAND_ACROSS])
    play(quiet, [rest_glimpse(0), *[waits] * 4] * (FPS * 4))
    assert [step.finding.sight for step in quiet.steps if step.finding] == [Sight.NOT_SEEN, Sight.NOT_SEEN]
    turns = begin([Action.TURN_LEFT])
    still = [rest_glimpse(0), *[waits] * 4] * 10
    play(turns, [*still, *[turned(50.0), *[waits] * 4] * 5, *still])
    assert turns.steps[0].finding is not None
    assert turns.steps[0].finding.sight is Sight.SEEN


def test_it_can_be_cancelled_and_keeps_what_was_seen() -> None:
    challenge = play(begin([Action.TURN_LEFT, Action.STAND_UP]), [*REST, *sweep(50)[:30]])
    challenge.cancel(10 * NS_PER_S)
    assert challenge.state is ChallengeState.CANCELLED
    assert challenge.steps[0].finding is not None
    assert challenge.steps[0].finding.sight is Sight.SEEN
    assert challenge.steps[1].finding is None
    assert summary_words(challenge)[0].startswith("It was cancelled")
    play(challenge, REST)
    challenge.lose(99 * NS_PER_S)
    assert challenge.state is ChallengeState.CANCELLED


def test_the_trace_is_thin_and_holds_every_score() -> None:
    challenge = play(begin([Action.TURN_LEFT]), [*REST, *sweep(50), *REST])
    moments = [point.at_ns for point in challenge.trace]
    assert min(np.diff(moments)) >= 0.15e9
    assert max(point.amount or 0.0 for point in challenge.trace) > 40
    assert {point.step for point in challenge.trace} == {None, 0}
    assert all(point.authenticity == pytest.approx(0.881, abs=0.01) for point in challenge.trace)


def test_without_actions_there_is_nothing_to_ask() -> None:
    with pytest.raises(ValueError, match="needs an action"):
        begin([])
