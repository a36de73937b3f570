"""Windows over the last seconds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.clock import NS_PER_S
from stream_guard.metrics.latency import LatencyWindow, Percentiles, RateWindow

pytestmark = pytest.mark.unit


def test_percentiles_of_one_to_a_hundred_are_what_they_say() -> None:
    window = LatencyWindow()
    for duration in range(100, 0, -1):
        window.add(duration, now_ns=5)
    assert window.percentiles(now_ns=6) == Percentiles(50, 90, 95, 99, 100)


def test_few_samples_never_look_milder_than_they_were() -> None:
    window = LatencyWindow()
    window.add(10, now_ns=0)
    assert window.percentiles(now_ns=0) == Percentiles(10, 10, 10, 10, 1)
    window.add(90, now_ns=1)
    assert window.percentiles(now_ns=1) == Percentiles(10, 90, 90, 90, 2)


def test_nothing_is_none_not_zero() -> None:
    assert LatencyWindow().percentiles(now_ns=0) is None


def test_what_is_older_than_the_window_does_not_count() -> None:
    window = LatencyWindow(window_s=2)
    window.add(1000, now_ns=0)
    window.add(1, now_ns=NS_PER_S)
    both, one = window.percentiles(now_ns=NS_PER_S), window.percentiles(now_ns=2 * NS_PER_S)
    assert both is not None
    assert one is not None
    assert (both.p99_ns, both.count) == (1000, 2)
    assert (one.p99_ns, one.count) == (1, 1)
    assert window.percentiles(now_ns=4 * NS_PER_S) is None


def test_memory_is_bounded_and_the_newest_count() -> None:
    window = LatencyWindow(capacity=10)
    for number in range(1000):
        window.add(number, now_ns=number)
    told = window.percentiles(now_ns=1000)
    assert told == Percentiles(994, 998, 999, 999, 10)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200))
def test_each_percentile_is_the_smallest_sample_that_enough_do_not_exceed(durations: list[int]) -> None:
    window = LatencyWindow(capacity=200)
    for duration in durations:
        window.add(duration, now_ns=1)
    told = window.percentiles(now_ns=1)
    assert told is not None
    for share, value in ((50, told.p50_ns), (90, told.p90_ns), (95, told.p95_ns), (99, told.p99_ns)):
        assert value == sorted(durations)[math.ceil(len(durations) * share / 100) - 1]


@pytest.mark.parametrize("wrong", [{"window_s": 0}, {"capacity": 0}])
def test_a_window_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="window"):
        LatencyWindow(**wrong)


@pytest.mark.parametrize("fps", [1, 7, 29.97, 60, 240])
def test_a_steady_stream_has_its_rate_at_once_and_for_good(fps: float) -> None:
    window = RateWindow()
    for number in range(1000):
        now_ns = round(number * NS_PER_S / fps)
        window.add(now_ns=now_ns)
        if number >= 1:
            assert window.per_second(now_ns=now_ns) == pytest.approx(fps, rel=1e-3)
            assert window.per_second(now_ns=now_ns + round(0.9 * NS_PER_S / fps)) == pytest.approx(fps, rel=1e-3)


def test_the_rate_falls_when_they_stop_coming() -> None:
    window = RateWindow(window_s=3)
    for number in range(31):
        window.add(now_ns=number * NS_PER_S // 10)
    rates = [window.per_second(now_ns=round((3 + late) * NS_PER_S)) for late in (0.0, 0.5, 1.0, 2.0, 2.95, 3.5)]
    assert rates[0] == pytest.approx(10, rel=0.05)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0


def test_less_than_two_is_no_rate() -> None:
    window = RateWindow()
    assert window.per_second(now_ns=0) == 0
    window.add(now_ns=0)
    assert window.per_second(now_ns=1) == 0
    window.add(now_ns=0)  # at the same moment
    assert window.per_second(now_ns=0) == 0
