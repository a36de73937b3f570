"""A peer that changes its address is answered at the new one, and nobody else is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aioice import Candidate
from aioice.ice import CandidatePair
from aiortc import RTCPeerConnection

from stream_guard.clock import NS_PER_S
from stream_guard.sources.addresses import only_loopback
from stream_guard.sources.rebinding import follow_rebinding
from stream_guard.testing.clock import ManualClock

pytestmark = pytest.mark.unit

OLD, NEW, STRANGER = ("127.0.0.1", 1000), ("127.0.0.1", 2000), ("127.0.0.1", 3000)
MEDIA, STUN = b"\x80media", b"\x00\x01check"


class Protocol:
    """A socket of ours."""

    def __init__(self) -> None:
        self.local_candidate = SimpleNamespace(component=1)
        self.received: list[bytes] = []

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.received.append(data)


class Ice:
    """What is used of an aioice connection. Of the addresses that are checked OLD and NEW know the password."""

    def __init__(self) -> None:
        self.protocol: Any = Protocol()
        self._protocols = [self.protocol]
        self._remote_candidates: list[Candidate] = []
        self._check_list = [self.pair(OLD)]
        self._nominated = {1: self._check_list[0]}
        self.checks: list[tuple[str, int]] = []

    def pair(self, address: tuple[str, int]) -> CandidatePair:
        host, port = address
        return CandidatePair(self.protocol, Candidate("1", 1, "udp", 1, host, port, "host"))

    def check_incoming(self, message: object, address: tuple[str, int], protocol: object) -> None:
        if all(pair.remote_addr != address for pair in self._check_list):
            self._check_list.append(self.pair(address))

    def check_start_task(self, pair: CandidatePair) -> None:
        self.checks.append(pair.remote_addr)
        pair.task = asyncio.create_task(self._answer(pair))

    async def _answer(self, pair: CandidatePair) -> None:
        known = pair.remote_addr in {OLD, NEW}
        pair.state = CandidatePair.State.SUCCEEDED if known else CandidatePair.State.FAILED

    @property
    def answered(self) -> tuple[str, int]:
        return self._nominated[1].remote_addr


class Transport:
    """An ICE transport of aiortc, as far as it matters."""

    def __init__(self, ice: Ice) -> None:
        self._connection = ice


def followed() -> tuple[Ice, ManualClock]:
    ice, clock = Ice(), ManualClock()
    transport = SimpleNamespace(transport=Transport(ice))
    connection: Any = SimpleNamespace(
        getTransceivers=lambda: [SimpleNamespace(receiver=SimpleNamespace(transport=transport))] * 2
    )
    follow_rebinding(connection, clock)
    return ice, clock


async def media(ice: Ice, clock: ManualClock, address: tuple[str, int], *, seconds: float) -> None:
    """Let media come from an address for so long, fifty times a second."""
    for _ in range(round(seconds * 50)):
        clock.advance(ns=NS_PER_S // 50)
        ice.protocol.datagram_received(MEDIA, address)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def check(ice: Ice, address: tuple[str, int]) -> tuple[str, int]:
    """Let a check come from an address; returns which one is answered then."""
    ice.check_incoming(object(), address, ice.protocol)
    return ice.answered


async def test_media_from_elsewhere_is_followed_once_that_address_has_proved_itself() -> None:
    ice, clock = followed()
    await media(ice, clock, OLD, seconds=2)
    assert ice.checks == []
    await media(ice, clock, NEW, seconds=0.2)
    assert ice.answered == OLD, "the old one may only be slow"
    await media(ice, clock, NEW, seconds=0.3)
    assert ice.answered == NEW
    assert ice.checks == [NEW]
    assert len(ice.protocol.received) == 125, "all of it is passed on"


async def test_a_stranger_that_sends_media_is_asked_and_not_followed() -> None:
    ice, clock = followed()
    await media(ice, clock, STRANGER, seconds=3)
    assert ice.answered == OLD
    assert 2 <= len(ice.checks) <= 11, "now and then"
    await media(ice, clock, NEW, seconds=1)
    assert ice.answered == NEW


async def test_made_up_addresses_are_checked_sixteen_times_at_most() -> None:
    ice, clock = followed()
    for port in range(4000, 4100):
        await media(ice, clock, ("127.0.0.1", port), seconds=0.4)
    assert len(set(ice.checks)) == 16
    assert (len(ice._check_list), len(ice._remote_candidates)) == (1, 0), "nothing piles up"


async def test_media_from_two_ways_at_once_changes_nothing() -> None:
    ice, clock = followed()
    for _ in range(50):
        await media(ice, clock, OLD, seconds=0.02)
        await media(ice, clock, NEW, seconds=0.02)
    assert ice.answered == OLD
    assert ice.checks == []


async def test_stun_is_no_media() -> None:
    ice, clock = followed()
    clock.advance(ns=NS_PER_S)
    ice.protocol.datagram_received(STUN, NEW)
    ice.protocol.datagram_received(b"", NEW)
    assert ice.checks == []


async def test_a_check_from_elsewhere_is_followed_once_the_old_address_is_silent() -> None:
    ice, clock = followed()
    assert check(ice, OLD) == OLD
    clock.advance(ns=2 * NS_PER_S)
    assert check(ice, NEW) == OLD, "it may be one of several ways to the same peer"
    clock.advance(ns=6 * NS_PER_S)
    assert check(ice, NEW) == NEW
    clock.advance(ns=5 * NS_PER_S)
    assert check(ice, NEW) == NEW


async def test_what_is_wrapped_is_there_in_aioice() -> None:
    """Another aioice may name its methods otherwise: then nobody would be followed, and nobody told."""
    connection = RTCPeerConnection()
    try:
        connection.addTransceiver("video", direction="recvonly")
        with only_loopback(True):
            await connection.setLocalDescription(await connection.createOffer())
        follow_rebinding(connection, ManualClock())
        ice: Any = connection.getReceivers()[0].transport.transport._connection
        assert ice.check_incoming.__name__ == "_take_check"
        assert [one.datagram_received.__name__ for one in ice._protocols] == ["received"]
    finally:
        await connection.close()
