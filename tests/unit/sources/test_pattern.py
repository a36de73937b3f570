from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from stream_guard.errors import SourceEnded
from stream_guard.sources.pattern import PatternSource, draw_pattern

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def now_ns(self) -> int:
        return self.ns


def test_the_picture_shows_the_time() -> None:
    first, second = draw_pattern(1.00, 640, 360), draw_pattern(1.01, 640, 360)
    assert (first.dtype, first.shape) == (np.uint8, (360, 640, 3))
    middle = slice(150, 215), slice(190, 450)
    assert (first[middle] != second[middle]).any()
    assert np.array_equal(draw_pattern(1.00, 640, 360), first)


def test_the_line_crosses_once_a_second() -> None:
    columns = [int(np.argmax(draw_pattern(at, 640, 360)[0].sum(1) == 0)) for at in (0.25, 0.5, 1.25)]
    assert columns == [160, 320, 160]


@pytest.mark.parametrize("size", [(64, 64), (65, 200), (1920, 1080)])
def test_any_size(size: tuple[int, int]) -> None:
    assert draw_pattern(12.34, *size).shape == (size[1], size[0], 3)


async def test_a_slow_reader_passes_pictures_over() -> None:
    clock = Clock()
    async with PatternSource(width=64, height=64, fps=10, duration_s=2, clock=clock) as source:
        first = await source.recv()
        clock.ns += 1_000_000_000
        later = await source.recv()
        assert (first.sequence, later.sequence, source.overwritten) == (0, 10, 9)
        assert later.media_s == 1.0
        assert later.arrived_ns == clock.ns
        assert later.rgb().shape == (64, 64, 3)
        clock.ns += 1_000_000_000
        for _ in range(2):
            with pytest.raises(SourceEnded):
                await source.recv()


async def test_it_keeps_its_pace() -> None:
    loop = asyncio.get_running_loop()
    async with PatternSource.from_url("pattern:?size=64x64&fps=50&seconds=0.4") as source:
        began = loop.time()
        count = 0
        with contextlib.suppress(SourceEnded):
            while await source.recv():
                count += 1
        assert 0 < count + source.overwritten <= 20
        assert loop.time() - began > 0.36


async def test_closing_ends_the_wait() -> None:
    source = PatternSource(width=64, height=64, fps=0.1)
    await source.open()
    await source.recv()
    waiting = asyncio.create_task(source.recv())
    await asyncio.sleep(0.01)
    await source.close()
    with pytest.raises(SourceEnded):
        await asyncio.wait_for(waiting, 1)
