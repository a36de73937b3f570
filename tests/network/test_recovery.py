"""Real calls through bad networks: what is shown is whole, and after whatever happened the picture comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream_guard.bench.impairment import Impairment
from tests.network.conftest import Call, called, strangeness

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]


STRANGE = 12.0
"""Pictures that were encoded well are 0.5 to 4 away from what was filmed; a grey picture is 43 away."""


def in_order(call: Call) -> bool:
    numbers = [frame.sequence for _, frame in call.came]
    media = [frame.media_s for _, frame in call.came]
    return numbers == sorted(set(numbers)) and media == sorted(media)


@pytest.mark.parametrize(
    "network",
    [
        Impairment(loss=0.3, delay_ms=10),
        Impairment(loss=0.1, burst=10, reorder=0.2, held_ms=60, duplicate=0.2, delay_ms=10),
    ],
    ids=["30 % lost", "bursts, another order, and twice"],
)
async def test_pictures_keep_coming_whole_and_in_order(network: Impairment) -> None:
    async with called(network) as call:
        await call.more(25, limit_s=40)
        assert in_order(call)
        assert call.source.transport().damaged == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_after_an_outage_a_key_frame_is_asked_for_and_comes(codec: str) -> None:
    async with called(Impairment(delay_ms=20), codec=codec, kbps=2000) as call:
        await call.more(10)
        call.relay.cut()
        shown = -1
        while shown != len(call.came):  # what was on its way arrives
            shown = len(call.came)
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.2)
        assert len(call.came) == shown, "nothing gets through"
        call.relay.mend()
        await call.more(10)
        assert in_order(call)
        assert all(strangeness(frame.rgb()) < STRANGE for _, frame in call.came[shown : shown + 10])
        assert call.source.transport().damaged == 0


async def test_a_first_key_frame_that_is_lost_is_asked_for_until_it_comes() -> None:
    """So are the first requests' answers: thirty packets are lost, whatever is in them."""
    async with called(loss=[True] * 30 + [False] * 100_000) as call:
        await call.more(10, limit_s=40)
        assert in_order(call)
        assert all(strangeness(frame.rgb()) < STRANGE for _, frame in call.came[:10])


async def test_a_peer_behind_another_port_is_heard_and_answered() -> None:
    """What was on its way is lost, and must be asked for at the new address."""
    async with called(Impairment(delay_ms=50)) as call:
        await call.more(5)
        receiver = call.source._receiver
        assert receiver is not None
        (ice,) = {one.transport.transport._connection for one in receiver.connection.getReceivers()}
        before = nominated(ice)
        await call.relay.rebind()
        await call.until(lambda: nominated(ice) != before)
        assert ice._nominated[1].remote_addr == call.relay.far_address
        await call.more(10)
        assert in_order(call)
        assert receiver.connection.connectionState == "connected"


def nominated(ice: Any) -> set[tuple[str, int]]:
    return {pair.remote_addr for pair in ice._nominated.values()}


async def test_a_link_that_becomes_narrow_and_wide_again_loses_the_call_no_more_than_that() -> None:
    async with called(Impairment(delay_ms=5), kbps=1500) as call:
        await call.more(10)
        call.relay.become(Impairment(delay_ms=5, kbps=120, queue_ms=300))
        await asyncio.sleep(1.5)
        call.relay.become(Impairment(delay_ms=5))
        await call.more(10)
        assert in_order(call)
        assert call.source.transport().damaged == 0
