"""A peer that changes its address is answered at the new one, and nobody else is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from stream_guard.clock import NS_PER_S
from stream_guard.sources.rebinding import follow_rebinding
from stream_guard.testing.clock import ManualClock

pytestmark = pytest.mark.unit

OLD, NEW = ("127.0.0.1", 1000), ("127.0.0.1", 2000)


class Ice:
    """What is used of an aioice connection."""

    def __init__(self) -> None:
        self.protocol = object()
        self._check_list = [self._pair(OLD)]
        self._nominated = {1: self._check_list[0]}

    def _pair(self, address: tuple[str, int]) -> SimpleNamespace:
        return SimpleNamespace(component=1, protocol=self.protocol, remote_addr=address)

    def check_incoming(self, message: object, address: tuple[str, int], protocol: object) -> None:
        if all(pair.remote_addr != address for pair in self._check_list):
            self._check_list.append(self._pair(address))


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


def check(ice: Ice, address: tuple[str, int]) -> tuple[str, int]:
    """Let a check come from an address; returns which one is answered then."""
    ice.check_incoming(object(), address, ice.protocol)
    answered: tuple[str, int] = ice._nominated[1].remote_addr
    return answered


def test_a_new_address_is_answered_once_the_old_one_is_silent() -> None:
    ice, clock = followed()
    assert check(ice, OLD) == OLD
    clock.advance(ns=2 * NS_PER_S)
    assert check(ice, NEW) == OLD, "it may be one of several ways to the same peer"
    clock.advance(ns=6 * NS_PER_S)
    assert check(ice, NEW) == NEW
    clock.advance(ns=5 * NS_PER_S)
    assert check(ice, NEW) == NEW


def test_a_second_way_changes_nothing_while_the_first_is_in_use() -> None:
    ice, clock = followed()
    for _ in range(10):
        clock.advance(ns=5 * NS_PER_S)
        assert check(ice, OLD) == OLD
        assert check(ice, NEW) == OLD


async def test_what_is_wrapped_is_there_in_aioice() -> None:
    """Another aioice may name its methods otherwise: then nobody would be followed, and nobody told."""
    connection = RTCPeerConnection()
    try:
        connection.addTransceiver("video", direction="recvonly")
        follow_rebinding(connection, ManualClock())
        ice: Any = connection.getReceivers()[0].transport.transport._connection
        assert type(ice.check_incoming).__name__ == "_Follower"
    finally:
        await connection.close()
