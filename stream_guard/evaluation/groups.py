"""Error rates by group of people: by age, sex and ethnicity as a set of pictures labels them, and by skin tone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.evaluation.accuracy import Estimate, auc
from stream_guard.evaluation.intervals import wilson_interval
from stream_guard.evaluation.skin_tone import TONES

__all__ = ["FEWEST", "Gap", "GroupRates", "Labels", "Person", "by_group", "largest_gap"]

FEWEST = 20
"""People in a group below which its rates are shown but enter no gap."""

_SEXES = ("male", "female")
_ETHNICITIES = ("White", "Black", "Asian", "Indian", "other")
_AGES = ((18, "under 18"), (30, "18 to 29"), (45, "30 to 44"), (60, "45 to 59"), (200, "60 and over"))
_ORDER = ("female", *_SEXES, *_ETHNICITIES, *(name for _, name in (*_AGES, *TONES)))

_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file's name says of the person it shows, as those who made the set saw them."""

    age: int
    sex: str
    ethnicity: str

    @classmethod
    def of_utkface(cls, name: str) -> Labels | None:
        """Read ``age_gender_ethnicity_date.jpg``; None where a name does not say all three (some do not).

        Args:
            name: of the file, with or without its folders.
        """
        parts = name.replace("\\", "/").rsplit("/", 1)[-1].split("_")
        if len(parts) < 4 or not all(part.isascii() and part.isdigit() for part in parts[:3]):
            return None
        age, sex, ethnicity = (int(part) for part in parts[:3])
        if age > 120 or sex >= len(_SEXES) or ethnicity >= len(_ETHNICITIES):
            return None
        return cls(age, _SEXES[sex], _ETHNICITIES[ethnicity])

    @property
    def age_group(self) -> str:
        """The age as a range of years."""
        return next(name for limit, name in _AGES if self.age < limit)


@dataclass(frozen=True, slots=True)
class Person:
    """The scores of one person's real samples and of their forged twins.

    Attributes:
        groups: the group of each attribute, for instance ``{"sex": "female"}``.
        real: float64, shape (n,): calibrated log-likelihood ratios.
        fake: float64, shape (n,).
        refused: share of the real samples that a run-time gate would not let be judged.
    """

    groups: Mapping[str, str]
    real: NDArray[np.float64]
    fake: NDArray[np.float64]
    refused: float


@dataclass(frozen=True, slots=True)
class GroupRates:
    """One group's errors on single samples, each person counting once.

    Attributes:
        attribute: for instance ``sex``.
        group: for instance ``female``.
        people: in the group.
        too_few: whether they are too few to compare.
        auc: real against forged samples of the group; drawn by person.
        false_alarms: BPCER at even odds, with the Wilson interval for so many people, like all below.
        misses: APCER at even odds.
        false_alarms_rise: BPCER at the level from which a face may be called synthetic.
        misses_rise: APCER there.
        refused: share of real samples a gate refuses.
    """

    attribute: str
    group: str
    people: int
    too_few: bool
    auc: Estimate
    false_alarms: Estimate
    misses: Estimate
    false_alarms_rise: Estimate
    misses_rise: Estimate
    refused: Estimate


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference between two groups of an attribute.

    Attributes:
        value: the highest rate minus the lowest.
        highest: the group with the highest.
        lowest: the group with the lowest.
        chance: how often groups of the same sizes, dealt at random, differ by as much or more (a permutation
            test: the largest of several differences is large by chance alone).
    """

    value: float
    highest: str
    lowest: str
    chance: float


def by_group(people: Sequence[Person], attribute: str, *, rise: float, seed: int = 0) -> list[GroupRates]:
    """Return the rates of every group of an attribute; people without a label for it are left out."""
    members: dict[str, list[Person]] = {}
    for person in people:
        if attribute in person.groups:
            members.setdefault(person.groups[attribute], []).append(person)
    return [_rates(attribute, group, members[group], rise, seed) for group in sorted(members, key=_place)]


def largest_gap(
    people: Sequence[Person], attribute: str, figure: Callable[[Person], float], *, seed: int = 0
) -> Gap | None:
    """Return the largest gap of a person's figure between groups with enough members; None with fewer than two.

    Args:
        people: of all groups.
        attribute: what they are grouped by.
        figure: of one person, for instance the share of false alarms.
        seed: of the permutations.
    """
    named = [person for person in people if attribute in person.groups]
    every, counts = np.unique([person.groups[attribute] for person in named], return_counts=True)
    names = every[counts >= FEWEST]
    kept = [person for person in named if person.groups[attribute] in names]
    if len(names) < 2:
        return None
    values = np.array([figure(person) for person in kept])
    of = np.searchsorted(names, [person.groups[attribute] for person in kept])

    def means(shuffled: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(np.bincount(of, shuffled) / np.bincount(of), np.float64)

    found = means(values)
    rng = np.random.default_rng(seed)
    dealt = [float(np.ptp(means(rng.permutation(values)))) for _ in range(_ROUNDS)]
    gap = float(np.ptp(found))
    as_large = (1 + int(np.sum(np.array(dealt) >= gap - 1e-12))) / (1 + _ROUNDS)
    return Gap(gap, str(names[int(np.argmax(found))]), str(names[int(np.argmin(found))]), as_large)


def _place(group: str) -> tuple[int, str]:
    """Sort known groups as their scale goes, and others behind them by name."""
    return (_ORDER.index(group) if group in _ORDER else len(_ORDER)), group


def _rates(attribute: str, group: str, people: list[Person], rise: float, seed: int) -> GroupRates:
    def share(figure: Callable[[Person], float]) -> Estimate:
        # Several samples of one person are not several people: the interval is that of as many trials as people.
        value = float(np.mean([figure(person) for person in people]))
        return Estimate(value, *wilson_interval(value, len(people)))

    return GroupRates(
        attribute=attribute,
        group=group,
        people=len(people),
        too_few=len(people) < FEWEST,
        auc=_auc(people, seed),
        false_alarms=share(lambda person: float(np.mean(person.real >= 0))),
        misses=share(lambda person: float(np.mean(person.fake < 0))),
        false_alarms_rise=share(lambda person: float(np.mean(person.real >= rise))),
        misses_rise=share(lambda person: float(np.mean(person.fake < rise))),
        refused=share(lambda person: person.refused),
    )


def _auc(people: list[Person], seed: int) -> Estimate:
    def of(drawn: Sequence[Person]) -> float:
        return auc(
            np.concatenate([person.real for person in drawn]), np.concatenate([person.fake for person in drawn])
        )

    rng = np.random.default_rng(seed)
    draws = [of([people[i] for i in rng.integers(len(people), size=len(people))]) for _ in range(_ROUNDS // 2)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(of(people), float(low), float(high))
