"""How far a score moved, from pairs whose answer is known."""

from __future__ import annotations

import math

import pytest

from stream_guard.pipeline.self_test_figures import Figures, Pair, figures

pytestmark = pytest.mark.unit

CORRELATION_S = 0.1


def moved(*pairs: Pair) -> Figures | None:
    return figures(pairs, clip=4.0, correlation_s=CORRELATION_S)


def test_the_move_is_the_mean_difference_and_its_interval_knows_dependence() -> None:
    far = [Pair(number * 2.0, -2.0, -1.0 + 0.4 * (-1) ** number) for number in range(40)]
    near = [Pair(number * 0.02, -2.0, -1.0 + 0.4 * (-1) ** number) for number in range(40)]
    one, other = moved(*far), moved(*near)
    assert one is not None
    assert other is not None
    assert one.moved == pytest.approx(1.0, abs=0.02)
    assert (one.frames, other.frames) == (40, 40)
    assert one.looks == pytest.approx(39.5, abs=0.1)
    assert other.looks < 5
    assert one.margin == pytest.approx(1.96 * 0.4 / math.sqrt(40), rel=0.05)
    assert other.margin > 2.5 * one.margin
    assert one.authenticity_before == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert one.authenticity_after < one.authenticity_before


def test_ratios_count_no_more_than_in_live_scores() -> None:
    figure = moved(*(Pair(number, -30.0, -9.0) for number in range(10)))
    assert figure is not None
    assert (figure.before, figure.after, figure.moved, figure.margin) == (-4.0, -4.0, 0.0, 0.0)


def test_too_few_looks_say_nothing_and_broken_numbers_do_not_count() -> None:
    assert moved() is None
    assert moved(*(Pair(number * 0.001, -2.0, -1.0) for number in range(40))) is None
    whole = [Pair(float(number), -2.0, -1.0) for number in range(8)]
    broken = [Pair(8.0, math.nan, -1.0), Pair(9.0, -2.0, math.nan)]
    assert moved(*whole, *broken) == moved(*whole)
    assert moved(*broken) is None
