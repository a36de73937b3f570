from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from stream_guard.errors import SourceEnded, SourceError, UnsupportedMedia
from stream_guard.frame import Frame
from stream_guard.sources.handover import Handover

pytestmark = pytest.mark.unit


def frame(number: int) -> Frame:
    return Frame.from_rgb(np.zeros((2, 2, 3), np.uint8), sequence=number)


async def test_the_newest_wins() -> None:
    handover = Handover(newest_wins=True)
    assert all(handover.put(frame(number)) for number in range(5))
    assert (await handover.get()).sequence == 4
    assert handover.overwritten == 4


async def test_a_file_waits_for_its_reader() -> None:
    handover = Handover(newest_wins=False, depth=3)
    written: list[int] = []

    def write() -> None:
        for number in range(10):
            handover.put(frame(number))
            written.append(number)
        handover.end(SourceEnded("over"))

    thread = threading.Thread(target=write)
    thread.start()
    async with asyncio.timeout(10):
        while len(written) < 3:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert len(written) == 3
    assert [(await handover.get()).sequence for _ in range(10)] == list(range(10))
    with pytest.raises(SourceEnded, match="over"):
        await handover.get()
    thread.join()
    assert handover.overwritten == 0


async def test_the_end_comes_after_what_was_handed_over_and_stays() -> None:
    handover = Handover(newest_wins=True)
    handover.put(frame(0))
    handover.end(UnsupportedMedia("first"))
    handover.end(SourceError("second"))
    assert not handover.put(frame(1))
    assert (await handover.get()).sequence == 0
    for _ in range(2):
        with pytest.raises(UnsupportedMedia, match="first"):
            await handover.get()


async def test_closing_wakes_both_sides() -> None:
    full, empty = Handover(newest_wins=False, depth=1), Handover(newest_wins=True)
    full.put(frame(0))
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(full.put(frame(1))))
    thread.start()
    reader = asyncio.create_task(empty.get())
    await asyncio.sleep(0.02)
    full.close()
    empty.close()
    thread.join(10)
    assert answers == [False]
    with pytest.raises(SourceEnded):
        await asyncio.wait_for(reader, 10)
    with pytest.raises(SourceEnded):  # what lay there is dropped
        await full.get()


async def test_frames_from_a_thread_wake_the_reader() -> None:
    handover = Handover(newest_wins=True)
    thread = threading.Thread(target=lambda: (time.sleep(0.05), handover.put(frame(7))))
    thread.start()
    assert (await asyncio.wait_for(handover.get(), 10)).sequence == 7
    thread.join()


async def test_a_cancelled_reader_loses_nothing() -> None:
    handover = Handover(newest_wins=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handover.get(), 0.01)
    handover.put(frame(3))
    assert (await asyncio.wait_for(handover.get(), 10)).sequence == 3
