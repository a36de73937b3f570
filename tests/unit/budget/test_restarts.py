from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.budget.restarts import RestartLimit
from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError

pytestmark = pytest.mark.unit


def test_so_many_are_allowed_and_no_more() -> None:
    limit = RestartLimit(3, within_s=60)
    assert [limit.take(at * NS_PER_S) for at in (0, 1, 2, 3, 59)] == [0, 1, 2, None, None]


def test_what_broke_long_ago_no_longer_counts() -> None:
    limit = RestartLimit(2, within_s=60)
    assert [limit.take(at * NS_PER_S) for at in (0, 59, 60, 61, 119)] == [0, 1, 1, None, 1]


def test_none_at_all_is_a_limit_too() -> None:
    assert RestartLimit(0, within_s=1).take(0) is None


def test_it_says_itself_in_words() -> None:
    assert str(RestartLimit(3, within_s=60)) == "3 times in 60 s"


@pytest.mark.parametrize(("most", "within_s"), [(-1, 60), (1, 0), (1, -1)])
def test_what_is_no_limit_is_refused(most: int, within_s: float) -> None:
    with pytest.raises(ConfigError, match="no limit"):
        RestartLimit(most, within_s=within_s)


@given(st.lists(st.integers(0, 10**12), max_size=60), st.integers(1, 5), st.integers(1, 100))
def test_no_window_ever_holds_more(gaps: list[int], most: int, within_s: int) -> None:
    limit, now, taken = RestartLimit(most, within_s=within_s), 0, []
    for gap in gaps:
        now += gap
        if limit.take(now) is not None:
            taken.append(now)
    for first in taken:
        assert sum(first <= at < first + within_s * NS_PER_S for at in taken) <= most
