"""A source that is wrapped is the same source, but for the frames of a rehearsal."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import SourceEnded
from stream_guard.sources.own_swap import OwnSwap
from stream_guard.sources.rehearsal import RehearsableSource
from tests.unit.pipeline.doubles import ScriptedSource

pytestmark = pytest.mark.unit


async def test_frames_pass_as_they_are_until_a_rehearsal_begins_and_after_it_ends() -> None:
    inner = ScriptedSource(6, live=True)
    async with RehearsableSource(inner) as source:
        before = [await source.recv() for _ in range(2)]
        source.begin(OwnSwap())
        during = [await source.recv() for _ in range(2)]
        source.end()
        after = [await source.recv() for _ in range(2)]
        with pytest.raises(SourceEnded):
            await source.recv()
    assert [frame.sequence for frame in (*before, *during, *after)] == [0, 1, 2, 3, 4, 5]
    assert all((frame.rgb() == frame.sequence).all() for frame in (*before, *after))
    assert all((frame.rgb() != frame.sequence).any() for frame in during)
    assert [source.is_swapped(number) for number in range(6)] == [False, False, True, True, False, False]
    assert (inner.opened, inner.closed) == (1, 1)


async def test_frames_of_the_last_rehearsal_are_known_when_the_next_begins() -> None:
    async with RehearsableSource(ScriptedSource(3, live=True)) as source:
        source.begin(OwnSwap())
        await source.recv()
        source.end()
        source.begin(OwnSwap())
        assert source.is_swapped(0), "it may still be on its way"


async def test_dropped_frames_of_a_rehearsal_are_forgotten() -> None:
    async with RehearsableSource(ScriptedSource(4, live=True)) as source:
        source.begin(OwnSwap())
        for _ in range(4):
            await source.recv()
        assert source.is_swapped(3)
        assert not source.is_swapped(1)


def test_it_says_of_itself_what_the_source_says() -> None:
    inner = ScriptedSource(1, live=False)
    source = RehearsableSource(inner)
    assert (source.live, source.kind, source.name, source.waits) == (False, "pattern", "scripted", False)
    assert source.transport() == inner.transport()


async def test_pixels_are_drawn_only_where_they_are_looked_at() -> None:
    class Counting(OwnSwap):
        drawn = 0

        def draw(self, rgb: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
            type(self).drawn += 1
            return super().draw(rgb)

    async with RehearsableSource(ScriptedSource(2, live=True)) as source:
        source.begin(Counting())
        frame = await source.recv()
        assert Counting.drawn == 0
        frame.rgb()
        frame.rgb()
        assert Counting.drawn == 1
