import math
import random

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.scoring.smoothing import Evidence, SmoothingSettings, clipped, sigmoid

pytestmark = pytest.mark.unit


def watched(llrs: list[float], fps: float, settings: SmoothingSettings | None = None) -> Evidence:
    evidence = Evidence(settings)
    for i, llr in enumerate(llrs):
        evidence.add(round(i * NS_PER_S / fps), llr)
    return evidence


def test_no_evidence_is_no_estimate():
    assert Evidence().at(0) is None


def test_authenticity_falls_with_the_ratio():
    low, high = watched([-2] * 30, 30).at(NS_PER_S), watched([2] * 30, 30).at(NS_PER_S)
    assert low is not None
    assert high is not None
    assert low.authenticity == pytest.approx(1 / (1 + math.exp(-2)))
    assert high.authenticity == pytest.approx(1 - low.authenticity)


@pytest.mark.parametrize("after_s", [0.5, 1.0, 2.0])
def test_a_step_is_followed_alike_at_30_and_at_3_frames_a_second(after_s: float):
    def level(fps: int) -> float:
        llrs = [-2.0] * (5 * fps) + [2.0] * (5 * fps)
        evidence = Evidence()
        for i, llr in enumerate(llrs):
            at_ns = round((i + 1) * NS_PER_S / fps)  # a frame stands for the time before it
            if at_ns > (5 + after_s) * NS_PER_S:
                break
            evidence.add(at_ns, llr)
        estimate = evidence.at(at_ns)
        assert estimate is not None
        return estimate.llr

    expected = 2 - 4 * math.exp(-after_s)
    assert level(30) == pytest.approx(expected, abs=0.15)
    assert level(3) == pytest.approx(expected, abs=0.75)  # a third of a second either way at most


def test_a_burst_of_frames_weighs_by_its_time_not_by_its_number():
    burst = Evidence()
    for i in range(11):  # a second at 10 fps of real, then half a second at 60 fps of fake
        burst.add(i * NS_PER_S // 10, -1)
    for i in range(1, 31):
        burst.add(NS_PER_S + i * NS_PER_S // 60, 1)
    estimate = burst.at(NS_PER_S + NS_PER_S // 2)
    assert estimate is not None
    # By number the burst would have more than 80 %, that is a level above 0.6.
    assert -0.1 < estimate.llr < 0.35


def test_one_outlier_of_any_size_does_no_more_than_the_clip_allows():
    calm = [-2.0] * 60
    wild = watched([*calm, math.inf], 30).at(2 * NS_PER_S)
    tame = watched([*calm, 4.0], 30).at(2 * NS_PER_S)
    assert wild is not None
    assert wild == tame
    assert wild.llr < -1.6


def test_nan_is_refused():
    with pytest.raises(ValueError, match="number"):
        Evidence().add(0, math.nan)


def test_thirty_correlated_frames_are_not_thirty_looks():
    estimate = watched([0.0] * 31, 30).at(NS_PER_S)
    assert estimate is not None
    assert 2 < estimate.looks < 3
    far_apart = watched([0.0] * 4, 1, SmoothingSettings(time_constant_s=1000)).at(3 * NS_PER_S)
    assert far_apart is not None
    assert far_apart.looks == pytest.approx(3 + math.tanh(0.5), abs=0.02)


def test_the_same_moment_twice_tells_nothing_new():
    once, twice = watched([1.0, 1.0], 30), watched([1.0, 1.0], 30)
    twice.add(round(NS_PER_S / 30), -4.0)
    assert once.at(NS_PER_S) == twice.at(NS_PER_S)


def test_what_ages_grows_less_certain_and_keeps_its_place():
    evidence = watched([-2.0] * 60, 30)
    fresh, old = evidence.at(2 * NS_PER_S), evidence.at(4 * NS_PER_S)
    assert fresh is not None
    assert old is not None
    assert old.llr == fresh.llr
    assert old.looks == pytest.approx(fresh.looks * math.exp(-2))
    assert old.interval[0] < fresh.interval[0] < fresh.authenticity < fresh.interval[1] < old.interval[1]


def test_steady_frames_give_a_narrower_interval_than_wavering_ones():
    steady = watched([-1.0] * 60, 30).at(2 * NS_PER_S)
    wavering = watched([-3.9, 1.9] * 30, 30).at(2 * NS_PER_S)
    assert steady is not None
    assert wavering is not None
    assert steady.margin < 0.75 * wavering.margin


def test_ancient_evidence_does_not_overflow():
    evidence = watched([-2.0] * 60, 30)
    estimate = evidence.at(10**18)
    assert estimate is not None
    assert estimate.interval == pytest.approx((0, 1))
    evidence.add(10**18, 1.0)
    fresh = evidence.at(10**18)
    assert fresh is not None
    assert fresh.llr == pytest.approx(1.0)


@pytest.mark.parametrize("correlation_s", [0.025, 0.15, 0.3])  # lag-1 at 30 fps: 0.26, 0.80, 0.89
@pytest.mark.parametrize("fps", [30, 3])
def test_the_interval_holds_the_truth_19_times_in_20(correlation_s: float, fps: int):
    rng = random.Random(1)
    lag = math.exp(-1 / (fps * correlation_s))
    held = asked = 0
    for _ in range(150):
        evidence, error = Evidence(SmoothingSettings(clip=100)), rng.gauss(0, 1.5)
        for i in range(4 * fps):
            evidence.add(i * NS_PER_S // fps, error - 0.5)
            error = lag * error + math.sqrt(1 - lag * lag) * rng.gauss(0, 1.5)
            if i >= fps:
                estimate = evidence.at(i * NS_PER_S // fps)
                assert estimate is not None
                asked += 1
                held += abs(estimate.llr + 0.5) <= estimate.margin
    assert held / asked > 0.94


@pytest.mark.parametrize(
    "settings", [{"time_constant_s": 0}, {"correlation_s": -1}, {"clip": math.nan}, {"spread": math.inf}]
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, float]):
    with pytest.raises(ConfigError):
        SmoothingSettings(**settings)


def test_sigmoid_and_clip_at_the_ends():
    assert sigmoid(0) == 0.5
    assert sigmoid(-1000) == 0
    assert sigmoid(1000) == 1
    assert clipped(-9, 4) == -4
    assert clipped(9, 4) == 4


def test_a_wavering_long_ago_does_not_widen_a_steady_now():
    steady = watched([-1.0] * 300, 30).at(10 * NS_PER_S)
    settled = watched([-3.9, 1.9] * 60 + [-1.0] * 180, 30).at(10 * NS_PER_S)
    assert steady is not None
    assert settled is not None
    assert settled.margin == pytest.approx(steady.margin, rel=0.02)


def test_with_age_the_spread_that_was_seen_counts_less_than_the_one_that_is_believed():
    wavering = watched([-3.9, 1.9] * 60, 30)
    fresh, old = wavering.at(4 * NS_PER_S), wavering.at(12 * NS_PER_S)
    assert fresh is not None
    assert old is not None
    assert fresh.margin * math.sqrt(fresh.looks) > 1.3 * 1.96 * 1.5
    assert old.margin * math.sqrt(old.looks) == pytest.approx(1.96 * 1.5, rel=0.01)
