from __future__ import annotations

import asyncio

import pytest

from stream_guard.pipeline.mailbox import Closed, Mailbox

pytestmark = pytest.mark.unit


async def test_the_newest_wins() -> None:
    box: Mailbox[int] = Mailbox()
    assert [await box.replace(n) for n in (1, 2, 3)] == [False, True, True]
    assert await box.take() == 3
    assert await box.take(0.01) is None


async def test_put_waits_until_the_slot_is_empty() -> None:
    box: Mailbox[int] = Mailbox()
    await box.put(1)
    second = asyncio.create_task(box.put(2))
    await asyncio.sleep(0.01)
    assert not second.done()
    assert await box.take() == 1
    await second
    assert await box.take() == 2


async def test_what_waits_at_closing_can_still_be_taken() -> None:
    box: Mailbox[int] = Mailbox()
    await box.put(1)
    await box.close()
    assert await box.take() == 1
    with pytest.raises(Closed):
        await box.take()


async def test_closing_frees_those_who_wait() -> None:
    box: Mailbox[int] = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    await box.close()
    with pytest.raises(Closed):
        await taking
    full: Mailbox[int] = Mailbox()
    await full.put(1)
    putting = asyncio.create_task(full.put(2))
    await asyncio.sleep(0)
    await full.close()
    with pytest.raises(Closed):
        await putting


async def test_a_cancelled_taker_takes_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await box.replace(1)
    assert await box.take(0.1) == 1
