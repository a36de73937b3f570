"""A picture that repeats itself, and one that stands still, as a session has them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.face import Reason
from stream_guard.scoring.observation import Cue, EventKind, State

from .scenes import Scene, count, face

pytestmark = pytest.mark.unit


def test_a_loop_is_suspicious_with_words_and_never_an_alarm() -> None:
    call = Scene()
    call.show(face(-3.0), s=5)
    assert call.update.faces[0].state is State.AUTHENTIC
    (said,) = call.show(replace(face(-3.0), repeated_ns=2 * NS_PER_S), s=30).faces
    assert said.state is State.SUSPICIOUS
    assert [(driver.cue, driver.since_ns) for driver in said.drivers] == [(Cue.REPEATED, 2 * NS_PER_S)]
    assert said.authenticity is not None
    assert said.authenticity <= 0.5
    assert count(call.events, EventKind.ALARM_RAISED) == 0


def test_it_is_authentic_again_once_the_picture_goes_on() -> None:
    call = Scene()
    call.show(replace(face(-3.0), repeated_ns=0), s=5)
    (said,) = call.show(face(-3.0), s=5).faces
    assert said.state is State.AUTHENTIC
    assert said.drivers == ()
    assert said.authenticity is not None
    assert said.authenticity > 0.8


def test_a_loop_of_a_swap_is_called_a_swap_first() -> None:
    call = Scene()
    (said,) = call.show(replace(face(3.0), repeated_ns=0), s=10).faces
    assert said.state is State.SYNTHETIC
    assert [driver.cue for driver in said.drivers] == [Cue.LOOKS_SYNTHETIC, Cue.REPEATED]
    assert said.authenticity == pytest.approx(1 / (1 + math.exp(3.0)), abs=0.03)


def test_a_face_of_which_too_little_was_seen_is_not_called_anything_for_it() -> None:
    call = Scene()
    (said,) = call.show(replace(face(None, Reason.BLURRED), repeated_ns=0), s=5).faces
    assert said.state is State.CANNOT_JUDGE
    assert said.drivers == ()


def test_a_picture_that_stands_still_is_not_judged_and_says_why() -> None:
    call = Scene()
    call.show(face(-3.0), s=5)
    (said,) = call.show(face(None, Reason.FROZEN), s=3).faces
    assert said.state is State.CANNOT_JUDGE
    assert said.authenticity is None
    assert said.reasons == (Reason.FROZEN,)
