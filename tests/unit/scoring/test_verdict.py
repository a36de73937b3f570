import pytest

from stream_guard.clock import NS_PER_MS
from stream_guard.errors import ConfigError
from stream_guard.scoring.observation import State
from stream_guard.scoring.verdict import Verdict, VerdictSettings

pytestmark = pytest.mark.unit

SETTINGS = VerdictSettings(rise=1.0, fall=0.0, min_on_ns=500 * NS_PER_MS, min_off_ns=2000 * NS_PER_MS)


def run(verdict: Verdict, level: float, start_ms: int, stop_ms: int, llr: float | None = None) -> State:
    for at_ms in range(start_ms, stop_ms + 1, 100):
        state = verdict.step(at_ms * NS_PER_MS, level, level if llr is None else llr)
    return state


def test_authentic_below_the_fall_threshold():
    assert run(Verdict(SETTINGS), -0.1, 0, 10_000) is State.AUTHENTIC


def test_suspicious_in_between_for_ever():
    assert run(Verdict(SETTINGS), 0.9, 0, 10_000) is State.SUSPICIOUS


def test_a_first_look_over_the_fall_threshold_is_never_called_authentic():
    assert Verdict(SETTINGS).step(0, 0.0, 0.0) is State.SUSPICIOUS


def test_synthetic_after_exactly_min_on():
    verdict = Verdict(SETTINGS)
    run(verdict, -1, 0, 900)
    assert run(verdict, 1.0, 1000, 1400) is not State.SYNTHETIC
    assert run(verdict, 1.0, 1500, 1500) is State.SYNTHETIC


def test_a_dip_below_rise_starts_the_clock_again():
    verdict = Verdict(SETTINGS)
    run(verdict, 1.5, 0, 400)
    run(verdict, 0.9, 500, 500)
    assert run(verdict, 1.5, 600, 1000) is State.SUSPICIOUS
    assert run(verdict, 1.5, 1100, 1100) is State.SYNTHETIC


def test_suspicious_needs_min_on_as_well():
    verdict = Verdict(SETTINGS)
    run(verdict, -1, 0, 900)
    assert run(verdict, 0.0, 1000, 1400) is State.AUTHENTIC
    assert run(verdict, 0.0, 1500, 1500) is State.SUSPICIOUS


def test_no_alarm_by_a_frame_that_is_not_itself_over_rise():
    verdict = Verdict(SETTINGS)
    assert run(verdict, 1.5, 0, 3000, llr=0.9) is State.SUSPICIOUS
    assert run(verdict, 1.5, 3100, 3100, llr=1.0) is State.SYNTHETIC


def test_synthetic_stays_between_the_thresholds_and_ends_after_exactly_min_off_below():
    verdict = Verdict(SETTINGS)
    run(verdict, 2, 0, 500)
    assert run(verdict, 0.0, 600, 9000) is State.SYNTHETIC
    assert run(verdict, -0.1, 9100, 11_000) is State.SYNTHETIC
    assert run(verdict, -0.1, 11_100, 11_100) is State.AUTHENTIC


def test_a_pause_breaks_durations_but_keeps_the_word():
    verdict = Verdict(SETTINGS)
    run(verdict, 2, 0, 400)
    verdict.pause()
    assert run(verdict, 2, 500, 900) is State.SUSPICIOUS
    assert run(verdict, 2, 1000, 1000) is State.SYNTHETIC
    run(verdict, -1, 1100, 3000)
    verdict.pause()
    assert run(verdict, -1, 3100, 5000) is State.SYNTHETIC


def test_a_reset_forgets_the_word():
    verdict = Verdict(SETTINGS)
    run(verdict, 2, 0, 1000)
    verdict.reset()
    assert verdict.state is None
    assert verdict.step(1100 * NS_PER_MS, -1, -1) is State.AUTHENTIC


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError):
        VerdictSettings(rise=0, fall=1)
    with pytest.raises(ConfigError):
        VerdictSettings(min_on_ns=-1)
