"""What a quality gate is worth: the errors with it and without it, and what it costs in coverage.

A gate that refuses a frame saves the error that would have been made there, and gives up the frame. It is right
where the frames it refuses are judged badly, and wrong where they are judged as well as the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluation.accuracy import Estimate, auc, equal_error_rate
from stream_guard.face import Reason

__all__ = ["Band", "Gated", "Look", "Rates", "bands", "gated", "passes", "rates"]

_FEWEST = 20
"""Frames of each class below which no rate is given: it would mean nothing."""

_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one face of a clip, in a picture of a known quality.

    Attributes:
        clip: which clip it is from; whole clips are drawn for the intervals.
        fake: what the face is.
        llr: calibrated log-likelihood ratio, scored whether or not a gate refuses it.
        level: how much of the degradation; None for the picture as it was.
        reasons: what the run-time gates say of it.
        measures: what gates may look at, by name, for instance ``blur``.
    """

    clip: int
    fake: bool
    llr: float
    level: float | None = None
    reasons: tuple[Reason, ...] = ()
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rates:
    """Errors on single frames. Each is None where either class has too few frames.

    Attributes:
        real: frames.
        fake: frames.
        auc: area under the ROC curve.
        equal_error_rate: where misses and false alarms meet on these very frames.
        false_alarms: share of real frames at or above even odds (BPCER of ISO/IEC 30107-3).
        misses: share of forged frames below even odds (APCER).
        false_alarms_rise: the same at the level from which a face may be called synthetic.
        misses_rise: likewise.
    """

    real: int
    fake: int
    auc: Estimate | None
    equal_error_rate: float | None
    false_alarms: Estimate | None
    misses: Estimate | None
    false_alarms_rise: Estimate | None
    misses_rise: Estimate | None


@dataclass(frozen=True, slots=True)
class Gated:
    """The same frames without a gate, and on either side of it.

    Attributes:
        coverage: share of frames the gate passes.
        every: errors without the gate.
        passed: errors with it.
        refused: the errors it saves.
    """

    coverage: float
    every: Rates
    passed: Rates
    refused: Rates


@dataclass(frozen=True, slots=True)
class Band:
    """The frames whose measure lies in a range.

    Attributes:
        least: included.
        most: not included.
        plain: share of the frames that were left as they were which lie here: what refusing the band costs.
        rates: the errors made here: what refusing it saves.
    """

    least: float
    most: float
    plain: float
    rates: Rates


def gated(looks: Sequence[Look], through: Sequence[bool], *, rise: float, seed: int = 0) -> Gated:
    """Return what a gate does to these frames.

    Args:
        looks: at least one.
        through: for each, whether the gate lets it through.
        rise: log-likelihood ratio from which on a face may be called synthetic.
        seed: of the intervals' draws.
    """
    passed = [look for look, let in zip(looks, through, strict=True) if let]
    refused = [look for look, let in zip(looks, through, strict=True) if not let]
    return Gated(
        coverage=len(passed) / len(looks),
        every=rates(looks, rise=rise, seed=seed),
        passed=rates(passed, rise=rise, seed=seed),
        refused=rates(refused, rise=rise, seed=seed),
    )


def passes(looks: Iterable[Look], reasons: Iterable[Reason] = tuple(Reason)) -> list[bool]:
    """Say of each frame whether none of these reasons was given."""
    unwanted = set(reasons)
    return [unwanted.isdisjoint(look.reasons) for look in looks]


def bands(looks: Iterable[Look], measure: str, edges: Sequence[float], *, rise: float) -> list[Band]:
    """Return the errors over what a gate might look at: where they jump is where it should refuse.

    Args:
        looks: frames of any quality; those without the measure are left out.
        measure: its name.
        edges: rising; a band reaches from one up to, not including, the next.
        rise: log-likelihood ratio from which on a face may be called synthetic.
    """
    measured = [look for look in looks if measure in look.measures]
    found = []
    for least, most in pairwise(edges):
        inside = [look for look in measured if least <= look.measures[measure] < most]
        plain = sum(look.level is None for look in inside)
        found.append(
            Band(
                least, most, plain / max(1, sum(look.level is None for look in measured)), rates(inside, rise=rise)
            )
        )
    return found


def rates(looks: Sequence[Look], *, rise: float, seed: int = 0) -> Rates:
    """Return the errors on single frames, with 95 % percentile intervals from drawing whole clips (Efron 1979).

    Args:
        looks: any number of frames.
        rise: log-likelihood ratio from which on a face may be called synthetic.
        seed: of the draws.
    """
    real, fake = ([look for look in looks if look.fake is forged] for forged in (False, True))
    if min(len(real), len(fake)) < _FEWEST:
        return Rates(len(real), len(fake), None, None, None, None, None, None)
    rng = np.random.default_rng(seed)
    reals, fakes = _by_clip(real), _by_clip(fake)
    drawn = [(_draw(reals, rng), _draw(fakes, rng)) for _ in range(_ROUNDS)]
    every = np.concatenate(reals), np.concatenate(fakes)

    def estimate(values: list[float]) -> Estimate:
        """The first value is of the frames as they are, the others of the draws."""
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return Estimate(values[0], float(low), float(high))

    pairs = [every, *drawn]
    return Rates(
        real=len(real),
        fake=len(fake),
        auc=estimate([auc(*pair) for pair in pairs]),
        equal_error_rate=equal_error_rate(*every),
        false_alarms=estimate([float(np.mean(pair[0] >= 0)) for pair in pairs]),
        misses=estimate([float(np.mean(pair[1] < 0)) for pair in pairs]),
        false_alarms_rise=estimate([float(np.mean(pair[0] >= rise)) for pair in pairs]),
        misses_rise=estimate([float(np.mean(pair[1] < rise)) for pair in pairs]),
    )


def _by_clip(looks: list[Look]) -> list[NDArray[np.float64]]:
    clips: dict[int, list[float]] = {}
    for look in looks:
        clips.setdefault(look.clip, []).append(look.llr)
    return [np.array(values) for values in clips.values()]


def _draw(clips: list[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.concatenate([clips[index] for index in rng.integers(len(clips), size=len(clips))])
