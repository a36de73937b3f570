from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.clock import NS_PER_S
from stream_guard.sources.timeline import Timeline

pytestmark = pytest.mark.unit


def placed(stamps: list[float | None], *, live: bool, apart_s: float = 1 / 30) -> list[float]:
    timeline = Timeline(live=live)
    return [timeline.place(stamp, round((1 + n * apart_s) * NS_PER_S)) for n, stamp in enumerate(stamps)]


def test_it_starts_at_zero_and_follows_the_stamps() -> None:
    assert placed([100.0, 100.5, 102.0], live=False) == pytest.approx([0, 0.5, 2.0])


def test_a_wrap_or_restart_continues_by_the_clock() -> None:
    # aiortc turns both into a step of 2**32 ticks forward, less what was sent.
    wrapped = 2**32 / 90_000
    assert placed([5.0, 5.1, wrapped, wrapped + 0.1], live=True, apart_s=0.1) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert placed([5.0, 5.1, 0.0, 0.1], live=True, apart_s=0.1) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_pause_is_believed_when_the_clock_agrees() -> None:
    assert placed([0.0, 60.0], live=True, apart_s=60)[-1] == pytest.approx(60)
    assert placed([0.0, 60.0], live=False)[-1] == pytest.approx(60)


def test_a_burst_from_a_buffer_is_believed() -> None:
    assert placed([0.0, 0.5, 1.0, 3.0], live=True, apart_s=0.001)[-1] == pytest.approx(3.0)


def test_missing_stamps_in_a_file_step_by_a_frame() -> None:
    assert placed([None, None, None], live=False, apart_s=9) == pytest.approx([0, 1 / 30, 2 / 30])
    assert placed([1.0, None, 2.0], live=False) == pytest.approx([0, 1 / 30, 2 / 30])


@given(
    st.lists(st.none() | st.floats(-1e6, 1e6), max_size=30),
    st.booleans(),
    st.lists(st.integers(0, 10**11), max_size=30),
)
def test_it_never_goes_back(stamps: list[float | None], live: bool, gaps: list[int]) -> None:
    timeline = Timeline(live=live)
    now_ns, times = 0, [0.0]
    for stamp, gap in zip(stamps, gaps, strict=False):
        now_ns += gap
        times.append(timeline.place(stamp, now_ns))
    assert times == sorted(times)
