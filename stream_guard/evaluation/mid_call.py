"""A swap that begins in mid-call: how long until it is flagged, through the session a live call gets.

Both halves of a live-swap pair show the same moments, so a call can go on in the other half without a jump. Clips
of a few seconds are played forth and back, which shows no jump either; the session's time runs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.footage import RATE, Footage
from stream_guard.evaluation.playback import alarms
from stream_guard.face import Reason
from stream_guard.scoring.track import TrackSettings

__all__ = ["AFTER_S", "BEFORE_S", "Delays", "Pair", "Swap", "delays", "find_pairs", "swap", "swaps"]

BEFORE_S = (5.0, 20.0)
"""A swap begins this many seconds into the call."""

AFTER_S = 30.0
"""A swap that was not flagged within so many seconds is missed."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One file: the same moments real and swapped."""

    real: Footage
    fake: Footage


@dataclass(frozen=True, slots=True)
class Swap:
    """One call that was swapped from some second on.

    Attributes:
        file: name of the pair's file.
        at_s: when the swap began, seconds into the call.
        delay_s: from then to the next alarm; infinite where none was raised, be it because one stood already.
        before: alarms raised before the swap.
    """

    file: str
    at_s: float
    delay_s: float
    before: int


@dataclass(frozen=True, slots=True)
class Delays:
    """Many swaps together; intervals draw files anew.

    Attributes:
        swaps: how many.
        files: how many pairs they are from.
        within_4_s: share flagged within 4 seconds,
        within_10_s: within 10,
        at_all: and at all.
        median_s: seconds to the flag, a miss counting as infinite.
        ninth_decile_s: likewise, 90th percentile.
        before: alarms raised before the swap, all calls together,
        before_hours: in so many hours.
    """

    swaps: int
    files: int
    within_4_s: Estimate
    within_10_s: Estimate
    at_all: Estimate
    median_s: float
    ninth_decile_s: float
    before: int
    before_hours: float


def find_pairs(footage: list[Footage]) -> list[Pair]:
    """Return the pairs: a real and a fake series of the same file, of the same moments.

    Raises:
        ConfigError: there is none.
    """
    reals = {one.clip.path: one for one in footage if one.clip.label == "real"}
    fakes = [one for one in footage if one.clip.label == "fake" and one.clip.path in reals]
    pairs = [Pair(reals[fake.clip.path], fake) for fake in fakes]
    pairs = [pair for pair in pairs if np.array_equal(pair.real.at_s, pair.fake.at_s) and len(pair.real.at_s) > 1]
    if not pairs:
        raise ConfigError("no file holds both a real and a fake region: a mid-call swap needs such pairs")
    return pairs


def swap(pair: Pair, track: TrackSettings, rng: np.random.Generator, *, rate: float = RATE) -> Swap:
    """Play one call: the real half from a random moment of the clip on, then, from a random second on, the other.

    Args:
        pair: calibrated series.
        track: how the face is judged.
        rng: draws where the clip and the swap begin.
        rate: frames a second the series were watched at.
    """
    count = len(pair.real.at_s)
    at_s = float(rng.uniform(*BEFORE_S))
    moments = np.arange(round((at_s + AFTER_S) * rate)) / rate
    shown = _forth_and_back(int(rng.integers(2 * count)), len(moments), count)
    swapped = moments >= at_s
    llrs = np.where(swapped, pair.fake.logits[shown], pair.real.logits[shown])
    reasons: list[tuple[Reason, ...]] = [
        (pair.fake if other else pair.real).reasons[frame] for other, frame in zip(swapped, shown, strict=True)
    ]
    raised = alarms(moments, llrs, track, reasons=reasons)
    after = [moment - at_s for moment in raised if moment >= at_s]
    return Swap(pair.real.clip.path.name, at_s, min(after, default=np.inf), len(raised) - len(after))


def swaps(
    pairs: list[Pair], track: TrackSettings, *, repeats: int = 20, seed: int = 0, rate: float = RATE
) -> list[Swap]:
    """Play every pair many times. The same seed draws the same calls, whatever the track's settings."""
    return [
        swap(pair, track, np.random.default_rng((seed, number, repeat)), rate=rate)
        for number, pair in enumerate(pairs)
        for repeat in range(repeats)
    ]


def delays(played: Sequence[Swap], *, rounds: int = 1000, seed: int = 0) -> Delays:
    """Sum up many swaps."""
    files = list(dict.fromkeys(one.file for one in played))
    by_file = [np.array([one.delay_s for one in played if one.file == file]) for file in files]
    every = np.concatenate(by_file)
    drawn = np.random.default_rng(seed).integers(len(files), size=(rounds, len(files)))

    def share(limit_s: float) -> Estimate:
        flagged = np.array([np.mean(values <= limit_s) for values in by_file])
        low, high = np.quantile(flagged[drawn].mean(axis=1), [0.025, 0.975])
        return Estimate(float(np.mean(every <= limit_s)), float(low), float(high))

    return Delays(
        swaps=len(every),
        files=len(files),
        within_4_s=share(4.0),
        within_10_s=share(10.0),
        at_all=share(AFTER_S),
        median_s=float(np.quantile(every, 0.5, method="higher")),
        ninth_decile_s=float(np.quantile(every, 0.9, method="higher")),
        before=sum(one.before for one in played),
        before_hours=sum(one.at_s for one in played) / 3600,
    )


def _forth_and_back(start: int, length: int, count: int) -> NDArray[np.intp]:
    """Return frame numbers that run to the clip's end, back to its beginning, and so on."""
    turn = np.arange(start, start + length) % (2 * count)
    return np.where(turn < count, turn, 2 * count - 1 - turn)
