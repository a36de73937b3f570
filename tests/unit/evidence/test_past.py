"""A face's past."""

from __future__ import annotations

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.evidence.past import Past, PastSettings

pytestmark = pytest.mark.unit


def learnt(values: list[float], *, rate: float = 10.0) -> Past:
    past = Past(PastSettings(learn_s=(len(values) - 0.5) / rate))
    for value in values:
        past.learn(value, 1 / rate)
    return past


def test_nothing_is_known_before_enough_time_was_seen() -> None:
    past = Past(PastSettings(learn_s=2.0))
    for _ in range(19):
        past.learn(-1.0, 0.1)
    assert past.level is None
    past.learn(-1.0, 0.11)
    assert past.level == -1.0


def test_a_third_of_odd_frames_does_not_move_it() -> None:
    past = learnt([-2.0] * 40 + [3.9] * 20 + [-2.1] * 20)
    assert past.level is not None
    assert past.level == pytest.approx(-2.0, abs=0.1)
    assert past.variance == PastSettings().variance


def test_a_restless_face_has_a_wider_past() -> None:
    assert learnt([-3.0, 3.0, -1.0, 1.0] * 20).variance > 2 * PastSettings().variance


def test_memory_has_an_end_at_any_rate() -> None:
    past = Past(PastSettings(learn_s=8.0))
    for number in range(7999):
        past.learn(-2.0 if number % 2 else -1.0, 0.001)
    assert past.level is None
    assert len(past._values) <= 256


def test_it_follows_slowly_and_not_at_all_once_vouched_for() -> None:
    past = learnt([-2.0] * 80)
    for _ in range(600):
        past.follow(-1.0, 0.1)
    assert past.level == pytest.approx(-1.37, abs=0.02)  # one time constant of 60 s
    assert past.fix()
    past.follow(3.0, 0.5)
    assert past.level == pytest.approx(-1.37, abs=0.02)


def test_somebody_may_vouch_before_it_is_learnt_but_not_for_nothing() -> None:
    past = Past()
    assert not past.fix()
    for value in (-1.0, -1.5, -2.0):
        past.learn(value, 0.1)
    assert past.fix()
    assert past.level == -1.5


def test_a_frame_stands_for_the_time_since_the_one_before_but_not_for_a_pause() -> None:
    past = Past()
    assert past.passed(5 * NS_PER_S) == 0
    assert past.passed(5 * NS_PER_S + NS_PER_S // 10) == pytest.approx(0.1)
    assert past.passed(60 * NS_PER_S) == 0.5


def test_settings_must_make_sense() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        PastSettings(learn_s=0)
