"""Follows a peer whose address changes in mid-call: a router that forgot it, another network, another interface.

aioice takes the media that comes from a new address, but goes on sending to the old one: requests for lost packets
and key frames get lost, and after half a minute without an answer to its own checks it ends the call. RFC 8445 has
the peer nominate the new pair; a peer that does not know that its address has changed cannot. So, as libwebrtc
does, we go where the media comes from, once nothing has come from the old address for a moment, and once a check
of our own was answered from there, which only somebody can who knows the password. A check of the peer's own does
as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aioice import Candidate
from aioice.candidate import candidate_priority
from aioice.ice import CandidatePair
from aiortc import RTCPeerConnection

from stream_guard.clock import NS_PER_MS, NS_PER_S, Clock

__all__ = ["follow_rebinding"]

_QUIET_NS = 300 * NS_PER_MS
"""Without media from the old address, and between two checks of new ones."""

_SILENT_NS = 7 * NS_PER_S
"""Without a check from the old address; peers send one every 4 to 6 s (RFC 7675, section 5.1)."""

_CHECK_LIMIT_S = 2.0

_MOST_ADDRESSES = 16
"""That are ever checked: anybody can make up where a datagram comes from."""

_PRIVATE = ("check_incoming", "check_start_task", "_check_list", "_nominated", "_protocols", "_remote_candidates")


def follow_rebinding(connection: RTCPeerConnection, clock: Clock) -> None:
    """Follow the peer of a connection from now on. Call it once our candidates are gathered.

    aiortc has no setting for it, so private methods of each of its ICE connections are wrapped, if they are there.

    Args:
        connection: whose peer is followed.
        clock: for how long an address has been silent.
    """
    for transport in {one.receiver.transport.transport for one in connection.getTransceivers()}:
        ice: Any = getattr(transport, "_connection", None)
        if all(hasattr(ice, name) for name in _PRIVATE):
            _Follower(ice, clock)


class _Follower:
    """Watches where one ICE connection's datagrams come from."""

    def __init__(self, ice: Any, clock: Clock) -> None:
        self._ice = ice
        self._clock = clock
        self._checked = ice.check_incoming
        self._heard_ns: dict[tuple[str, int], int] = {}
        self._media_ns = clock.now_ns()
        self._asked_ns = self._media_ns
        self._tried: set[tuple[str, int]] = set()
        self._checking = False
        ice.check_incoming = self._take_check
        for protocol in ice._protocols:
            protocol.datagram_received = self._watched(protocol, protocol.datagram_received)

    def _take_check(self, message: Any, address: tuple[str, int], protocol: Any) -> None:
        """Take note of a check that has proved its peer's password."""
        self._checked(message, address, protocol)
        now_ns = self._clock.now_ns()
        self._heard_ns = {one: at for one, at in self._heard_ns.items() if now_ns - at < _SILENT_NS}
        self._heard_ns[address] = now_ns
        chosen = self._chosen(protocol)
        if chosen is not None and chosen.remote_addr not in self._heard_ns:
            self._go_to(self._pair(protocol, address))

    def _watched(self, protocol: Any, receive: Callable[..., None]) -> Callable[..., None]:
        def received(data: bytes, address: tuple[Any, ...]) -> None:
            receive(data, address)
            if data and data[0] >= 20:  # no STUN (RFC 7983)
                self._take_media(protocol, (address[0], address[1]))

        return received

    def _take_media(self, protocol: Any, address: tuple[str, int]) -> None:
        """Take note of where media comes from; nothing is proved by it."""
        chosen = self._chosen(protocol)
        now_ns = self._clock.now_ns()
        if chosen is None or address == chosen.remote_addr:
            self._media_ns = now_ns
            return
        if self._checking or min(now_ns - self._media_ns, now_ns - self._asked_ns) < _QUIET_NS:
            return
        if address not in self._tried and len(self._tried) >= _MOST_ADDRESSES:
            return
        self._tried.add(address)
        self._asked_ns = now_ns
        self._check(self._pair(protocol, address) or self._new_pair(protocol, address))

    def _check(self, pair: Any) -> None:
        """Have an address prove that it is the peer's, and go there if it does."""
        if pair.state is CandidatePair.State.SUCCEEDED:
            self._go_to(pair)
            return
        self._ice.check_start_task(pair)
        self._checking = True
        limit = asyncio.get_running_loop().call_later(_CHECK_LIMIT_S, pair.task.cancel)

        def done(_: object) -> None:
            limit.cancel()
            self._checking = False
            if pair.state is CandidatePair.State.SUCCEEDED:
                self._go_to(pair)
            elif pair in self._ice._check_list:
                self._ice._check_list.remove(pair)
                if pair.remote_candidate in self._ice._remote_candidates:
                    self._ice._remote_candidates.remove(pair.remote_candidate)

        pair.task.add_done_callback(done)

    def _chosen(self, protocol: Any) -> Any:
        return self._ice._nominated.get(protocol.local_candidate.component)

    def _go_to(self, pair: Any) -> None:
        if pair is not None and pair.component in self._ice._nominated:
            self._ice._nominated[pair.component] = pair
            self._media_ns = self._clock.now_ns()

    def _pair(self, protocol: Any, address: tuple[str, int]) -> Any:
        known = (one for one in self._ice._check_list if one.protocol is protocol and one.remote_addr == address)
        return next(known, None)

    def _new_pair(self, protocol: Any, address: tuple[str, int]) -> CandidatePair:
        """Return a pair with an address that nobody told us of (RFC 8445, section 7.3.1.3)."""
        component = protocol.local_candidate.component
        candidate = Candidate(
            foundation="rebound",
            component=component,
            transport="udp",
            priority=candidate_priority(component, "prflx"),
            host=address[0],
            port=address[1],
            type="prflx",
        )
        self._ice._remote_candidates.append(candidate)
        pair = CandidatePair(protocol, candidate)
        self._ice._check_list.append(pair)
        return pair
