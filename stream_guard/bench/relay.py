"""A bad network on loopback: datagrams between two peers, some of them lost, all of them late. Seeded.

It stands between a sender and the address in a server's answer. Only media is lost (RTP and RTCP, told by their
first byte as RFC 7983 does), because a lost handshake says nothing of latency and costs a second; all is delayed.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any, cast

from stream_guard.errors import ConfigError, SignallingError

__all__ = ["Impairment", "Relay"]

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Impairment:
    """What the network does to each datagram, in either direction.

    Attributes:
        loss: share of the media that is lost, 0 to 1.
        delay_ms: one way.
        jitter_ms: added to it, evenly from 0 to this; datagrams may overtake each other.
        seed: of the losses and the jitter.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: a figure makes no sense.
        """
        if not 0 <= self.loss < 1 or self.delay_ms < 0 or self.jitter_ms < 0:
            raise ConfigError("loss is a share from 0 to below 1; delays are not negative")

    @property
    def any(self) -> bool:
        """Whether the network does anything at all."""
        return bool(self.loss or self.delay_ms or self.jitter_ms)


class Relay:
    """Passes datagrams on. ``answer = await relay.open(answer)``, then connect with that answer.

    Attributes:
        passed, lost: datagrams so far, both directions.
    """

    def __init__(self, impairment: Impairment) -> None:
        self.passed = self.lost = 0
        self._impairment = impairment
        self._random = random.Random(impairment.seed)
        self._peer: Address | None = None
        self._ends: list[asyncio.DatagramTransport] = []

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
        target: Address | None = None
        lines = []
        loop = asyncio.get_running_loop()
        near, _ = await loop.create_datagram_endpoint(lambda: _End(self._from_peer), local_addr=("127.0.0.1", 0))
        self._ends.append(near)
        for line in answer.splitlines(keepends=True):
            if not line.startswith("a=candidate:"):
                lines.append(line)
                continue
            fields = line.split()
            if target is None and fields[2].lower() == "udp" and fields[4] == "127.0.0.1":
                target = fields[4], int(fields[5])
                fields[5] = str(near.get_extra_info("sockname")[1])
                lines.append(" ".join(fields) + "\r\n")
        if target is None:
            raise SignallingError(406, "the answer names no address on 127.0.0.1 to stand before")
        far, _ = await loop.create_datagram_endpoint(lambda: _End(self._to_peer), remote_addr=target)
        self._ends.append(far)
        return "".join(lines)

    def close(self) -> None:
        """Stop listening; what is still on its way is gone."""
        for end in self._ends:
            end.close()

    def _from_peer(self, data: bytes, sender: Address) -> None:
        self._peer = sender
        self._pass_on(data, self._ends[1] if len(self._ends) > 1 else None, None)

    def _to_peer(self, data: bytes, _sender: Address) -> None:
        if self._peer is not None:
            self._pass_on(data, self._ends[0], self._peer)

    def _pass_on(self, data: bytes, end: asyncio.DatagramTransport | None, to: Address | None) -> None:
        if end is None:
            return
        network = self._impairment
        if data and 128 <= data[0] < 192 and self._random.random() < network.loss:
            self.lost += 1
            return
        self.passed += 1
        late_s = (network.delay_ms + self._random.uniform(0, network.jitter_ms)) / 1000
        if late_s > 0:
            asyncio.get_running_loop().call_later(late_s, _send, end, data, to)
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
