"""How often the change cue is wrong, an hour of call: modelled with the slow drift that real faces have.

A few minutes of footage cannot show what happens once an hour. An Ornstein-Uhlenbeck process with the short
correlation of `evaluation.independence` would say "never": what misleads a comparison with the past is what
changes over seconds, as people turn, lean forward and the light follows. So a second, slower process is fitted to
the same variogram, group by group of footage, and hours of both together are played to the cue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.independence import variogram
from stream_guard.evaluation.population import noise
from stream_guard.evidence.shift import Shift, ShiftSettings

__all__ = ["SLOW_S", "Drift", "changes_per_hour", "fit_drift"]

SLOW_S = 4.0
"""Correlation of the slow process, in seconds: in the middle of what clips of six to thirty seconds can show."""

LONGEST_LAG_S = 8.0

_FAST_S = np.geomspace(0.02, 1.0, 80)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """How a group of real faces wanders around its own mean.

    Attributes:
        group: the footage.
        clips: how many.
        fast, fast_s: variance and correlation, in seconds, of what changes from frame to frame.
        slow: variance of what changes over `SLOW_S`.
    """

    group: str
    clips: int
    fast: float
    fast_s: float
    slow: float


def fit_drift(clips: Sequence[Footage], *, rate: float) -> list[Drift]:
    """Fit ``fast (1 - exp(-d / c)) + slow (1 - exp(-d / SLOW_S))`` to each group's variogram up to 8 s.

    Args:
        clips: series of calibrated logits of real people.
        rate: frames a second they were watched at.

    Raises:
        ConfigError: no group has two clips with two judged frames.
    """
    groups: dict[str, list[Footage]] = {}
    for clip in clips:
        if clip.clip.label == "real" and clip.judged.sum() >= 2:
            groups.setdefault(clip.clip.group, []).append(clip)
    found = [_fit(name, group, rate) for name, group in groups.items() if len(group) >= 2]
    if not found:
        raise ConfigError("drift needs at least two clips of real footage with a face")
    return found


def changes_per_hour(
    drifts: Sequence[Drift],
    alarms: Sequence[float],
    settings: ShiftSettings,
    rng: np.random.Generator,
    *,
    hours: float = 20.0,
    call_s: float = 600.0,
    rate: float = 5.0,
    progress: Callable[[int], object] = lambda calls: None,
) -> Array:
    """Return how often real faces count as changed, an hour, by the alarm level.

    A face that has changed counts again once its evidence has fallen to half.

    Args:
        drifts: how faces wander.
        alarms: levels in nats, any order.
        settings: of the cue; its alarm is not used.
        rng: draws the calls.
        hours: of call for each group.
        call_s: length of a call; each begins with learning the past.
        rate: scored frames a second.
        progress: told how many calls were played.

    Returns:
        float64, shape (len(drifts), len(alarms)).
    """
    calls, frames = max(1, round(hours * 3600 / call_s)), round(call_s * rate)
    found = np.zeros((len(drifts), len(alarms)))
    for row, drift in enumerate(drifts):
        for llrs in _wanderings(drift, rng, calls=calls, frames=frames, rate=rate):
            found[row] += _crossings(_evidence(llrs, settings, rate), alarms)
            progress(1)
    return found / (calls * call_s / 3600)


def _fit(name: str, clips: list[Footage], rate: float) -> Drift:
    seen = variogram(clips, rate=rate, longest_s=LONGEST_LAG_S)
    weights, best = np.sqrt(seen.pairs), (np.inf, 0.0, 0.0, 0.0)
    for fast_s in _FAST_S:
        shapes = 1 - np.exp(-seen.lags_s[:, None] / np.array([fast_s, SLOW_S]))
        fitted, *_ = np.linalg.lstsq(shapes * weights[:, None], seen.values * weights, rcond=None)
        fast, slow = np.maximum(fitted, 0.0)
        misfit = float((((shapes @ [fast, slow]) - seen.values) ** 2 * seen.pairs).sum())
        best = min(best, (misfit, float(fast), float(fast_s), float(slow)))
    return Drift(name, len(clips), *best[1:])


def _wanderings(drift: Drift, rng: np.random.Generator, *, calls: int, frames: int, rate: float) -> Iterator[Array]:
    for _ in range(calls):
        fast = noise(rng, calls=1, frames=frames, rate=rate, correlation_s=drift.fast_s)[0]
        slow = noise(rng, calls=1, frames=frames, rate=rate, correlation_s=SLOW_S)[0]
        yield np.sqrt(drift.fast) * fast + np.sqrt(drift.slow) * slow


def _evidence(llrs: Array, settings: ShiftSettings, rate: float) -> Array:
    shift, gathered = Shift(settings), np.zeros(len(llrs))
    for number, llr in enumerate(llrs):
        shift.add(round(number / rate * NS_PER_S), float(llr))
        gathered[number] = shift.evidence
    return gathered


def _crossings(gathered: Array, alarms: Sequence[float]) -> Array:
    """Return how often each level is reached anew, after having fallen to half of it."""
    counts = np.zeros(len(alarms))
    for place, alarm in enumerate(alarms):
        if gathered.max() < alarm:
            continue
        above, armed = gathered >= alarm, True
        below = gathered < alarm / 2
        for is_above, is_below in zip(above, below, strict=True):
            if armed and is_above:
                counts[place] += 1
            armed = is_below or (armed and not is_above)
    return counts
