import pytest

from stream_guard.budget.lag import Lag
from stream_guard.clock import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.unit


def frames(
    lag: Lag, start_s: float, stop_s: float, *, delay_s: float = 0, offset_s: float = 7, skew: float = 0
) -> int:
    """Feed 10 frames a second; return the last answer."""
    backlog = -1
    for i in range(round(start_s * 10), round(stop_s * 10)):
        backlog = lag.observe(round((i / 10 * (1 + skew) + offset_s + delay_s) * NS_PER_S), i / 10)
    return backlog


def test_a_stream_that_keeps_up_has_no_backlog():
    assert frames(Lag(), 0, 100) == 0


def test_frames_that_wait_longer_and_longer_are_seen():
    lag = Lag()
    frames(lag, 0, 10)
    # The consumer takes 200 ms a frame of 100 ms: after 8 s of media it is 8 s behind.
    answers = [lag.observe(round((10 + i * 0.2 + 7) * NS_PER_S), 10 + i * 0.1) for i in range(80)]
    assert answers == sorted(answers)
    assert answers[-1] == pytest.approx(7.9 * NS_PER_S, rel=0.01)


def test_a_backlog_that_drains_is_gone():
    lag = Lag()
    frames(lag, 0, 10)
    assert frames(lag, 10, 12, delay_s=3) == pytest.approx(3 * NS_PER_S, abs=2)
    assert frames(lag, 12, 13) == 0


def test_jitter_is_measured_from_the_quickest_frame():
    lag = Lag()
    assert lag.observe(50 * NS_PER_MS, 0.0) == 0
    assert lag.observe(110 * NS_PER_MS, 0.1) == 0  # this one was quicker
    assert lag.observe(250 * NS_PER_MS, 0.2) == 40 * NS_PER_MS


def test_clocks_that_run_apart_invent_no_more_than_their_drift_over_the_window():
    backlog = frames(Lag(window_s=60), 0, 3600, skew=100e-6)
    assert 5 * NS_PER_MS < backlog <= 6 * NS_PER_MS
    assert frames(Lag(window_s=60), 0, 600, skew=-100e-6) == 0


def test_a_stream_that_begins_anew_has_no_backlog():
    lag = Lag()
    frames(lag, 100, 110)
    assert lag.observe(117 * NS_PER_S, 0.0) == 0
    assert lag.observe(118 * NS_PER_S, 0.5) == NS_PER_S // 2


def test_a_stream_that_leaps_ahead_has_no_backlog():
    lag = Lag()
    frames(lag, 0, 10, delay_s=5)
    assert lag.observe(23 * NS_PER_S, 5000.0) == 0
    assert lag.observe(24 * NS_PER_S, 5000.5) == NS_PER_S // 2


def test_a_constant_delay_is_forgotten_after_the_window_and_not_before():
    lag = Lag(window_s=60)
    frames(lag, 0, 10)
    assert frames(lag, 10, 60, delay_s=2) == pytest.approx(2 * NS_PER_S, abs=2)
    assert frames(lag, 60, 75, delay_s=2) < 100


def test_memory_is_one_number_a_second():
    lag = Lag(window_s=60)
    for i in range(60_000):
        lag.observe(round(i / 100 * 1.001 * NS_PER_S), i / 100)
    assert len(lag._smallest) <= 61
