"""A bad network on loopback: datagrams between two peers, some lost, late, twice or in another order. Seeded.

It stands between a sender and the address in a server's answer. Only media is lost, doubled and reordered (RTP
and RTCP, told by their first byte as RFC 7983 does), because a lost handshake says nothing of a call and costs a
second; all is delayed, all must pass a narrow link, and nothing passes in an outage.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

from stream_guard.bench.impairment import Impairment, Link
from stream_guard.errors import SignallingError

__all__ = ["Impairment", "Relay"]

Address = tuple[str, int]


class Relay:
    """Passes datagrams on. ``answer = await relay.open(answer)``, then connect with that answer.

    Attributes:
        passed, lost: datagrams so far, both directions; a doubled one passes twice.
    """

    def __init__(self, impairment: Impairment) -> None:
        self.passed = self.lost = 0
        self._peer: Address | None = None
        self._target: Address | None = None
        self._near: asyncio.DatagramTransport | None = None
        self._far: asyncio.DatagramTransport | None = None
        self._cut = False
        # Each direction draws for itself: what comes back then changes nothing of what is lost on the way there.
        self._there = Link(impairment, random.Random(impairment.seed))
        self._back = Link(impairment, random.Random(f"back {impairment.seed}"))

    async def open(self, answer: str) -> str:
        """Listen, and put ourselves in the place of the answerer's address.

        The offer must name no candidates, or the answerer would go round us.

        Args:
            answer: SDP with at least one UDP candidate on 127.0.0.1.

        Returns:
            The answer with our address as its only candidate.

        Raises:
            SignallingError: the answer has no such candidate.
        """
        lines = []
        loop = asyncio.get_running_loop()
        self._near, _ = await loop.create_datagram_endpoint(
            lambda: _End(self._from_peer), local_addr=("127.0.0.1", 0)
        )
        for line in answer.splitlines(keepends=True):
            if not line.startswith("a=candidate:"):
                lines.append(line)
                continue
            fields = line.split()
            if self._target is None and fields[2].lower() == "udp" and fields[4] == "127.0.0.1":
                self._target = fields[4], int(fields[5])
                fields[5] = str(self._near.get_extra_info("sockname")[1])
                lines.append(" ".join(fields) + "\r\n")
        if self._target is None:
            raise SignallingError(406, "the answer names no address on 127.0.0.1 to stand before")
        await self.rebind()
        return "".join(lines)

    async def rebind(self) -> None:
        """Reach the answerer from another port from now on; what it sends to the old one is lost.

        That is what a router does that has forgotten a connection, or a computer that has changed networks.
        """
        if self._target is None:
            raise RuntimeError("open the relay first")
        far, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _End(self._to_peer), remote_addr=self._target
        )
        if self._far is not None:
            self._far.close()
        self._far = far

    @property
    def far_address(self) -> Address:
        """The address that the answerer sees."""
        if self._far is None:
            raise RuntimeError("open the relay first")
        return cast("Address", self._far.get_extra_info("sockname")[:2])

    def become(self, impairment: Impairment) -> None:
        """Be another network from now on; what is on its way arrives as it would have."""
        self._there.become(impairment)
        self._back.become(impairment)

    def cut(self) -> None:
        """Let nothing through, in either direction, until `mend`."""
        self._cut = True

    def mend(self) -> None:
        """End an outage."""
        self._cut = False

    def close(self) -> None:
        """Stop listening; what is still on its way is gone."""
        for end in (self._near, self._far):
            if end is not None:
                end.close()

    def _from_peer(self, data: bytes, sender: Address) -> None:
        self._peer = sender
        if self._far is not None:
            self._pass_on(data, self._there, self._far, None)

    def _to_peer(self, data: bytes, _sender: Address) -> None:
        if self._peer is not None and self._near is not None:
            self._pass_on(data, self._back, self._near, self._peer)

    def _pass_on(self, data: bytes, link: Link, end: asyncio.DatagramTransport, to: Address | None) -> None:
        loop = asyncio.get_running_loop()
        media = bool(data) and 128 <= data[0] < 192
        delays_s = [] if self._cut else link.delays_s(len(data), loop.time(), media=media)
        self.lost += not delays_s
        self.passed += len(delays_s)
        for late_s in delays_s:
            if late_s > 0:
                loop.call_later(late_s, _send, end, data, to)
            else:
                _send(end, data, to)


class _End(asyncio.DatagramProtocol):
    """One socket."""

    def __init__(self, received: Any) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._received(data, cast("Address", addr[:2]))


def _send(end: asyncio.DatagramTransport, data: bytes, to: Address | None) -> None:
    if not end.is_closing():
        end.sendto(data, to)
