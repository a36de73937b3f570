"""How often the change cue is wrong, on made-up people."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.drift import SLOW_S, Drift, changes_per_hour, fit_drift
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.population import noise
from stream_guard.evidence.shift import ShiftSettings

from .series import people, series

pytestmark = pytest.mark.unit


def wandering(slow: float, *, seed: int = 0) -> list[Footage]:
    rng = np.random.default_rng(seed)
    fast = noise(rng, calls=30, frames=400, rate=10, correlation_s=0.15)
    steady = noise(rng, calls=30, frames=400, rate=10, correlation_s=SLOW_S)
    return [series(0.5**0.5 * one + slow**0.5 * two) for one, two in zip(fast, steady, strict=True)]


@pytest.mark.parametrize("slow", [0.0, 0.4])
def test_a_slow_drift_is_told_from_quick_errors(slow: float) -> None:
    (found,) = fit_drift(wandering(slow), rate=10)
    assert found.slow == pytest.approx(slow, abs=0.12)
    assert found.fast == pytest.approx(0.5, abs=0.12)
    assert found.fast_s == pytest.approx(0.15, abs=0.06)
    assert found.clips == 30


def test_two_clips_are_needed() -> None:
    one = people(1, seconds=10, correlation_s=0.15, within=0.5, between=1.0, seed=0)
    with pytest.raises(ConfigError, match="at least two clips"):
        fit_drift(one, rate=10)


def test_alarms_fall_with_the_level_and_rise_with_the_drift() -> None:
    drifts = [Drift("calm", 9, 0.5, 0.15, 0.0), Drift("restless", 9, 0.5, 0.15, 0.8)]
    rates = changes_per_hour(
        drifts, [5.0, 15.0, 40.0], ShiftSettings(alarm=1000.0), np.random.default_rng(0), hours=1.0
    )
    assert rates.shape == (2, 3)
    assert (np.diff(rates, axis=1) <= 0).all()
    assert rates[0, 2] == 0
    assert rates[1, 0] > 5 * max(rates[0, 0], 0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_shipped_levels_keep_what_they_promise() -> None:
    """Played again with other errors; the groups as measured on the default model."""
    drifts = [
        Drift("ffpp_real", 12, 0.393, 0.084, 0.376),
        Drift("live_swap_real", 14, 0.673, 0.205, 0.411),
        Drift("talking_head", 10, 0.468, 0.119, 0.02),
    ]
    settings = ShiftSettings.at_rate(1.0)
    assert settings is not None
    (rates,) = changes_per_hour(
        drifts, [settings.alarm], ShiftSettings(alarm=1000.0), np.random.default_rng(1), hours=10.0
    ).T
    assert rates.mean() < 1.6  # 30 hours: one an hour may come out as so many by chance
