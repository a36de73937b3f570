"""Follows a peer whose address changes in mid-call: a router that forgot it, another network, another interface.

aioice answers a peer's checks from a new address and takes the media that comes from there, but goes on sending to
the old one: requests for lost packets and key frames get lost, and after half a minute without an answer to its own
checks it ends the call. RFC 8445 has the peer nominate the new pair; peers that change addresses without knowing
it do not. So the newest address with a valid check is answered, once the old one has been silent for longer than
checks are apart (RFC 7675, section 5.1: 5 s), as libwebrtc does with the newest that data came from.
"""

from __future__ import annotations

from typing import Any

from aiortc import RTCPeerConnection

from stream_guard.clock import NS_PER_S, Clock

__all__ = ["follow_rebinding"]

_SILENT_NS = 7 * NS_PER_S
"""Checks are 4 to 6 s apart."""


def follow_rebinding(connection: RTCPeerConnection, clock: Clock) -> None:
    """Follow the peer of a connection from now on. Call it once its media sections are known.

    aiortc has no setting for it, so a private method of each of its ICE connections is wrapped, if it is there.

    Args:
        connection: whose peer is followed.
        clock: for how long an address has been silent.
    """
    transports = {one.receiver.transport.transport for one in connection.getTransceivers()}
    for transport in transports:
        ice: Any = getattr(transport, "_connection", None)
        if all(hasattr(ice, name) for name in ("check_incoming", "_nominated", "_check_list")):
            ice.check_incoming = _Follower(ice, clock)


class _Follower:
    """Takes note of every check that has proved its peer's password."""

    def __init__(self, ice: Any, clock: Clock) -> None:
        self._ice = ice
        self._clock = clock
        self._check_incoming = ice.check_incoming
        self._heard_ns: dict[tuple[str, int], int] = {}

    def __call__(self, message: Any, address: tuple[str, int], protocol: Any) -> None:
        self._check_incoming(message, address, protocol)
        now_ns = self._clock.now_ns()
        self._heard_ns = {one: at for one, at in self._heard_ns.items() if now_ns - at < _SILENT_NS}
        self._heard_ns[address] = now_ns
        for component, chosen in tuple(self._ice._nominated.items()):
            if chosen.remote_addr in self._heard_ns:
                continue
            for pair in self._ice._check_list:
                if pair.component == component and pair.protocol is protocol and pair.remote_addr == address:
                    self._ice._nominated[component] = pair
