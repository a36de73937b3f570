"""What is owed grows with time and faces, and is written off beyond some rounds."""

from __future__ import annotations

import pytest

from stream_guard.budget.debt import Debt
from stream_guard.clock import NS_PER_S

pytestmark = pytest.mark.unit


def test_it_grows_with_time_and_faces_and_shrinks_with_what_is_measured():
    debt = Debt(2.5, rounds=10)
    debt.grow(NS_PER_S, 2)
    assert debt.owed == 5
    debt.pay(3)
    assert debt.owed == 2


def test_nobody_saves_up_and_long_pauses_are_written_off():
    debt = Debt(2.5, rounds=2)
    debt.pay(5)
    assert debt.owed == 0
    debt.grow(3600 * NS_PER_S, 4)
    assert debt.owed == 8


def test_faces_that_have_gone_are_owed_nothing():
    debt = Debt(2.5)
    debt.grow(NS_PER_S, 9)
    debt.grow(0, 1)
    assert debt.owed == 1


@pytest.mark.parametrize(("rate", "rounds"), [(0, 1), (1, 0), (-1, 1)])
def test_limits_must_be_above_zero(rate: float, rounds: float):
    with pytest.raises(ValueError, match="above 0"):
        Debt(rate, rounds=rounds)
