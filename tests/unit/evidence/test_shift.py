"""The change cue, on made-up series."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.evaluation.population import noise
from stream_guard.evidence.past import PastSettings
from stream_guard.evidence.shift import Shift, ShiftSettings

pytestmark = pytest.mark.unit

ROOT = 0.5**0.5
"""Standard deviation of a frame around its past, as the default has it."""


def play(shift: Shift, llrs: Iterable[float], *, rate: float = 10.0, since_s: float = 0.0) -> float | None:
    """Return when the face first counts as changed, in seconds."""
    first = None
    for number, llr in enumerate(llrs):
        at_ns = round((since_s + number / rate) * NS_PER_S)
        shift.add(at_ns, float(llr))
        if first is None and shift.changed(at_ns):
            first = at_ns / NS_PER_S
    return first


def errors(seconds: float, *, rate: float = 10.0, seed: int = 0) -> np.ndarray:
    series = noise(
        np.random.default_rng(seed), calls=1, frames=round(seconds * rate), rate=rate, correlation_s=0.15
    )
    return np.asarray(ROOT * series[0])


@pytest.mark.parametrize("mean", [-3.0, -1.0, 1.0])
def test_a_face_that_stays_as_it_is_never_changes_whatever_the_model_thinks_of_it(mean: float) -> None:
    shift = Shift()
    assert play(shift, mean + errors(600)) is None
    assert shift.past == pytest.approx(mean, abs=0.3)


@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0])
def test_a_shift_is_found_and_dated_at_any_rate(rate: float) -> None:
    llrs = -3.0 + errors(40, rate=rate)
    llrs[round(20 * rate) :] += 3.0
    shift = Shift()
    found = play(shift, llrs, rate=rate)
    assert found is not None
    assert 21.0 <= found <= 26.0
    assert shift.since_ns is not None
    assert shift.since_ns / NS_PER_S == pytest.approx(20.0, abs=1.5)


def test_looking_more_authentic_is_no_change() -> None:
    llrs = errors(60)
    llrs[300:] -= 3.0
    assert play(Shift(), llrs) is None


def test_half_a_second_of_odd_frames_is_none_whatever_they_hold() -> None:
    llrs = -3.0 + errors(60, rate=30)
    for start in range(300, 1800, 150):
        llrs[start : start + 15] = 50.0
    assert play(Shift(), llrs, rate=30) is None


def test_a_slow_drift_is_followed() -> None:
    llrs = -3.0 + errors(600) + np.arange(6000) / 6000 * 3
    shift = Shift()
    assert play(shift, llrs) is None
    assert shift.past is not None
    assert shift.past > -1.5


def test_the_past_is_not_followed_into_a_change() -> None:
    shift = Shift()
    llrs = -2.0 + errors(120)
    llrs[200:] += 3.0
    play(shift, llrs)
    assert shift.past == pytest.approx(-2.0, abs=0.4)


def test_a_face_that_is_itself_again_is_cleared_within_a_while() -> None:
    llrs = -2.0 + errors(90)
    llrs[200:500] += 3.0
    shift = Shift()
    play(shift, llrs[:500])
    assert shift.share == 1.0
    play(shift, llrs[500:], since_s=50.0)
    assert shift.share < 0.5


def test_evidence_is_worth_less_where_frames_come_thick() -> None:
    """The same second of errors counts the same at 10 and at 100 frames a second."""
    gathered = []
    for rate in (10.0, 100.0):
        shift = Shift(ShiftSettings(alarm=1000.0))
        play(shift, [-2.0] * round(10 * rate), rate=rate)
        play(shift, [0.5] * round(2 * rate), rate=rate, since_s=10.0)
        gathered.append(shift.evidence)
    assert gathered[0] == pytest.approx(gathered[1], rel=0.1)


def test_what_somebody_vouches_for_is_the_past_at_once() -> None:
    shift = Shift()
    assert not shift.trust()
    play(shift, [-1.0] * 20)
    assert shift.trust()
    assert shift.past == -1.0
    assert play(shift, [2.5] * 100, since_s=2.0) is not None


def test_after_a_cut_everything_begins_anew() -> None:
    shift = Shift()
    play(shift, [-2.0] * 200)
    shift.clear()
    assert shift.past is None
    assert play(shift, [1.0] * 200, since_s=30.0) is None


def test_settings_must_make_sense() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        ShiftSettings(alarm=0)
    with pytest.raises(ConfigError, match="size / 2"):
        ShiftSettings(size=3.0, most=1.0)
    with pytest.raises(ConfigError, match="past"):
        ShiftSettings(past=PastSettings(variance=-1))
