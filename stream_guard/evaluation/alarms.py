"""How often real people raise the alarm, an hour of call: counted on footage, and modelled where footage is short.

A few minutes of real footage cannot show what happens once an hour. So hours are made up of what was measured:
persons, each with a mean of their own, and around it an Ornstein-Uhlenbeck process with the measured correlation
and variance (`evaluation.independence`). They are judged by the very session a live call gets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.intervals import poisson_interval
from stream_guard.evaluation.playback import alarms, footage_alarms
from stream_guard.evaluation.population import Population, noise
from stream_guard.models.manifest import AlarmRate, Independence
from stream_guard.scoring.track import TrackSettings

__all__ = ["RATES", "AlarmCount", "AlarmTable", "alarm_rates", "count_alarms"]

RATES = (6.0, 1.0, 0.2)
"""Alarms an hour that thresholds are worked out for."""

CALL_S = 60.0
"""After so long it is another person's turn. A person whom the model gets wrong raises the alarm once and keeps it,
so the shorter the turns, the more alarms an hour. Nobody measured for how long light, camera and pose leave a
person's mean as it is; a minute is on the safe side."""

_CALLS = 40
_RATE = 5.0
_RISES = (0.0, 0.4, 0.85, 1.3, 1.8, 2.3, 2.8, 3.3, 3.8)
"""Up to just below where one frame's evidence is clipped."""

_MEANS = np.arange(-3.0, 4.51, 0.5)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """What was counted on real footage.

    Attributes:
        alarms: that were raised, each clip played once.
        hours: of footage.
        low: alarms an hour, exact 95 % Poisson interval,
        high: likewise.
    """

    alarms: int
    hours: float
    low: float
    high: float

    @property
    def per_hour(self) -> float:
        """Alarms an hour."""
        return self.alarms / self.hours


def count_alarms(clips: list[Footage], track: TrackSettings) -> AlarmCount:
    """Play every clip once and count its alarms.

    Args:
        clips: calibrated series of real people.
        track: how faces are judged.

    Raises:
        ConfigError: there is no footage.
    """
    hours = sum(clip.seconds for clip in clips) / 3600
    if hours <= 0:
        raise ConfigError("there is no real footage to count alarms on")
    raised = sum(len(footage_alarms(clip, track)) for clip in clips)
    low, high = poisson_interval(raised)
    return AlarmCount(raised, hours, low / hours, high / hours)


class AlarmTable:
    """Alarms an hour by the person's mean and by ``rise``, from calls played to the session.

    Attributes:
        hours: of call that were played.
        highest: rise of the table.
    """

    def __init__(
        self,
        independence: Independence,
        track: TrackSettings,
        rng: np.random.Generator,
        *,
        rises: Sequence[float] = _RISES,
        calls: int = _CALLS,
        call_s: float = CALL_S,
        rate: float = _RATE,
    ) -> None:
        """Play the calls; the same errors to every mean and rise, so that the table falls as it must.

        Args:
            independence: of the model's errors.
            track: how faces are judged; its ``rise`` is not used.
            rng: draws the errors.
            rises: from low to high.
            calls: for each mean and rise.
            call_s: length of a call in seconds.
            rate: scored frames a second.
        """
        self._rises, self.highest = np.array(rises), float(rises[-1])
        self._per_hour = np.zeros((len(rises), len(_MEANS)))
        frames = round(call_s * rate)
        errors = noise(rng, calls=calls, frames=frames, rate=rate, correlation_s=independence.correlation_s)
        errors *= math.sqrt(independence.within)
        at_s, hours = np.arange(frames) / rate, calls * call_s / 3600
        self.hours = 0.0
        for row, rise in enumerate(rises):
            judged = replace(track, verdict=replace(track.verdict, rise=rise))
            for column in reversed(range(len(_MEANS))):
                llrs = _MEANS[column] + errors
                # No need to play a call that is over the rise throughout: one alarm, which stands.
                certain = llrs.min() >= max(rise, track.verdict.fall)
                raised = calls if certain else sum(len(alarms(at_s, llr, judged)) for llr in llrs)
                self._per_hour[row, column] = raised / hours
                self.hours += hours
                if not raised:
                    break  # nor does anybody with a lower mean, on the same errors

    def rise(self, persons: Array, per_hour: float) -> float:
        """Return the rise at which these persons, in turn, raise so many alarms an hour; NaN where none does."""
        rates = np.array([np.interp(persons, _MEANS, row).mean() for row in self._per_hour])
        if rates[0] <= per_hour:
            return float(self._rises[0])
        if rates[-1] > per_hour:
            return math.nan
        above = int(np.argmax(rates <= per_hour))
        # Rates fall by factors, so it is their logarithm that is interpolated.
        logs = np.log(np.maximum(rates[above - 1 : above + 1], 1e-3))
        share = (logs[0] - math.log(per_hour)) / (logs[0] - logs[1])
        return float(self._rises[above - 1] + min(1.0, share) * (self._rises[above] - self._rises[above - 1]))

    def per_hour(self, persons: Array, rise: float) -> float:
        """Return how many alarms an hour these persons, in turn, raise."""
        rates = [np.interp(persons, _MEANS, row).mean() for row in self._per_hour]
        return float(np.interp(rise, self._rises, rates))


def alarm_rates(
    footage: list[Footage],
    stills: Array,
    independence: Independence,
    track: TrackSettings,
    rng: np.random.Generator,
    *,
    rates: Sequence[float] = RATES,
    rounds: int = 200,
    table: AlarmTable | None = None,
) -> tuple[AlarmRate, ...]:
    """Return the rise for each rate of false alarms, with intervals over who the persons are.

    The correlation and the variance within a clip are held; the persons are drawn anew. A rate that even the
    highest rise does not keep is left out; where only the interval's end lies beyond, it is that rise.

    Args:
        footage: calibrated series of real people.
        stills: calibrated logits of still pictures of real people as a call shows them; may be empty.
        independence: of the model's errors.
        track: how faces are judged; its ``rise`` is not used.
        rng: draws everything.
        rates: alarms an hour.
        rounds: of the bootstrap.
        table: played before, for the same independence and track.

    Raises:
        ConfigError: fewer than two clips with a judged frame.
    """
    table = table or AlarmTable(independence, track, rng)
    means = np.array([clip.logits[clip.judged].mean() for clip in footage if clip.judged.any()])
    population = Population(means, stills, independence.within)
    persons = population.draw(rng, 4000)
    drawn = [population.redrawn(rng).draw(rng, 1000) for _ in range(rounds)]
    found = []
    for per_hour in sorted(rates, reverse=True):
        rise = table.rise(persons, per_hour)
        if math.isnan(rise):
            continue
        others = np.nan_to_num([table.rise(one, per_hour) for one in drawn], nan=table.highest)
        low, high = np.quantile(others, [0.025, 0.975])
        seen = count_alarms(footage, replace(track, verdict=replace(track.verdict, rise=rise)))
        found.append(
            AlarmRate(
                per_hour=per_hour,
                rise=round(rise, 3),
                low=round(float(low), 3),
                high=round(float(high), 3),
                hours=round(table.hours, 1),
                how=_how(population, seen),
            )
        )
    return tuple(found)


def _how(population: Population, seen: AlarmCount) -> str:
    stills = f" and {len(population.stills)} stills" if len(population.stills) else ""
    return (
        f"modelled: another person every {CALL_S:g} s, drawn from {len(population.clips)} clips{stills}; "
        f"measured at this rise: {seen.alarms} in {60 * seen.hours:.1f} minutes of those clips "
        f"({seen.low:.1f} to {seen.high:.1f} an hour)"
    )
