from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.groups import Labels, Person, by_group, largest_gap
from stream_guard.evaluation.intervals import wilson_interval

pytestmark = pytest.mark.unit


def person(group: str, real: float, fake: float = 3.0, refused: float = 0.0) -> Person:
    return Person({"sex": group}, np.array([real, real]), np.array([fake, fake]), refused)


def test_a_name_says_age_sex_and_ethnicity() -> None:
    labels = Labels.of_utkface("utkface/26_1_3_20170104012412945.jpg")
    assert labels == Labels(26, "female", "Indian")
    assert labels.age_group == "18 to 29"
    assert Labels.of_utkface("80_0_0_20170103200837103.jpg") == Labels(80, "male", "White")


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg",  # three of the published set lack the ethnicity
        "61_1_20170109142408075.jpg.chip.jpg",
        "20_2_0_20170103200837103.jpg",
        "20_0_5_20170103200837103.jpg",
        "200_0_0_20170103200837103.jpg",
        "_0_0_20170103200837103.jpg",
        "-5_0_0_20170103200837103.jpg",
        "²_0_0_20170103200837103.jpg",
        "Aaron_Eckhart_0001.jpg",
        "",
    ],
)
def test_a_name_that_does_not_say_all_three_is_left_out(name: str) -> None:
    assert Labels.of_utkface(name) is None


@pytest.mark.parametrize(
    ("age", "group"), [(14, "under 18"), (18, "18 to 29"), (44, "30 to 44"), (59, "45 to 59"), (60, "60 and over")]
)
def test_ages_fall_into_ranges(age: int, group: str) -> None:
    assert Labels(age, "male", "White").age_group == group


def test_a_group_has_its_own_rates() -> None:
    people = [person("male", -2)] * 30 + [person("female", 2 if i < 6 else -2, 0.5) for i in range(30)]
    rows = by_group(people, "sex", rise=0.85)
    assert [row.group for row in rows] == ["female", "male"]
    women, men = rows
    assert (women.people, women.too_few) == (30, False)
    assert women.false_alarms == Estimate(0.2, *wilson_interval(0.2, 30))
    assert women.misses.value == 0.0
    assert women.misses_rise.value == 1.0
    assert men.false_alarms.value == 0.0
    assert men.auc.value == 1.0
    assert women.auc.value == pytest.approx(0.8)
    assert women.auc.low < women.auc.value < women.auc.high


def test_a_person_with_many_samples_counts_once() -> None:
    often = Person({"sex": "male"}, np.full(100, 2.0), np.full(100, 2.0), 1.0)
    (row,) = by_group([often, person("male", -2), person("male", -2), person("male", -2)], "sex", rise=0.85)
    assert row.false_alarms.value == 0.25
    assert row.refused.value == 0.25


def test_groups_with_too_few_members_are_named_as_such_and_enter_no_gap() -> None:
    people = [person("male", -2)] * 40 + [person("female", 2)] * 19
    assert [row.too_few for row in by_group(people, "sex", rise=0.85)] == [True, False]
    assert largest_gap(people, "sex", lambda one: float(one.real[0] > 0)) is None


def test_people_without_a_label_are_left_out() -> None:
    assert by_group([person("male", 0)], "age", rise=0.85) == []


def test_the_largest_gap_names_its_groups_and_how_likely_chance_is() -> None:
    people = [person("male", -2)] * 40 + [person("female", 2 if i % 2 else -2) for i in range(40)]
    gap = largest_gap(people, "sex", lambda one: float(np.mean(one.real >= 0)))
    assert gap is not None
    assert (gap.value, gap.highest, gap.lowest) == (0.5, "female", "male")
    assert gap.chance < 0.01


def test_a_gap_between_groups_that_do_not_differ_is_likely_by_chance() -> None:
    people = [person(("male", "female")[i % 2], 2 if i % 4 < 2 else -2) for i in range(80)]
    gap = largest_gap(people, "sex", lambda one: float(np.mean(one.real >= 0)))
    assert gap is not None
    assert gap.value == 0.0
    assert gap.chance == 1.0
