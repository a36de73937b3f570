"""What a bad network does to datagrams, decided one at a time. Pure: time is an argument, chance is seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass

from stream_guard.errors import ConfigError

__all__ = ["Impairment", "Link"]


@dataclass(frozen=True, slots=True)
class Impairment:
    """What the network does to each datagram, in either direction.

    Attributes:
        loss: share of the media that is lost, 0 to 1.
        delay_ms: one way.
        jitter_ms: added to it, evenly from 0 to this; datagrams may overtake each other.
        seed: of all that is left to chance.
        burst: how many are lost in a row, on average; 1 is each by itself. Two states, one of which loses all
            (E. N. Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960).
        reorder: share of the media that is held back, so that later ones overtake it.
        held_ms: for so long.
        duplicate: share of the media that comes twice, the second time after ``held_ms``.
        kbps: what the link carries, in kilobits a second; None is no limit.
        queue_ms: how much waits before a link that is full; what would wait for longer is lost.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    seed: int = 1
    burst: float = 1.0
    reorder: float = 0.0
    held_ms: float = 30.0
    duplicate: float = 0.0
    kbps: float | None = None
    queue_ms: float = 200.0

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: a figure makes no sense.
        """
        if not 0 <= self.loss < 1 or self.delay_ms < 0 or self.jitter_ms < 0:
            raise ConfigError("loss is a share from 0 to below 1; delays are not negative")
        if not (0 <= self.reorder <= 1 and 0 <= self.duplicate <= 1) or self.held_ms < 0:
            raise ConfigError("reorder and duplicate are shares from 0 to 1; held_ms is not negative")
        if self.burst < 1 or (self.burst > 1 and self.loss * (self.burst + 1) > self.burst):
            raise ConfigError("a burst is one datagram or more, and so much loss needs longer bursts")
        if self.kbps is not None and (self.kbps <= 0 or self.queue_ms < 0):
            raise ConfigError("a link carries something; a queue is not negative")

    @property
    def any(self) -> bool:
        """Whether the network does anything at all."""
        shares = self.loss or self.reorder or self.duplicate
        return bool(shares or self.delay_ms or self.jitter_ms or self.kbps is not None)


class Link:
    """One direction of a network."""

    def __init__(self, impairment: Impairment, chance: random.Random) -> None:
        self._impairment = impairment
        self._random = chance
        self._bad = False
        self._free_s = 0.0

    def become(self, impairment: Impairment) -> None:
        """Be another one from now on."""
        self._impairment = impairment
        self._bad = False

    def delays_s(self, size: int, now_s: float, *, media: bool) -> list[float]:
        """Decide on a datagram.

        Args:
            size: in bytes.
            now_s: any clock's seconds, rising.
            media: whether it may be lost, doubled and reordered by chance.

        Returns:
            How late each copy of it is, in seconds; none where it is lost.
        """
        network = self._impairment
        if media and self._loses():
            return []
        waits_s = self._queue(size, now_s)
        if waits_s is None:
            return []
        late_s = waits_s + (network.delay_ms + self._random.uniform(0, network.jitter_ms)) / 1000
        held_s = network.held_ms / 1000
        if media and network.reorder and self._random.random() < network.reorder:
            late_s += held_s
        doubled = media and network.duplicate and self._random.random() < network.duplicate
        return [late_s, late_s + held_s] if doubled else [late_s]

    def _loses(self) -> bool:
        """Return whether chance takes it."""
        network = self._impairment
        if network.burst == 1:
            return self._random.random() < network.loss
        # Stationary share of the bad state: begin / (begin + end), which is to be `loss`.
        end = 1 / network.burst
        begin = end * network.loss / (1 - network.loss)
        drawn = self._random.random()
        self._bad = drawn >= end if self._bad else drawn < begin
        return self._bad

    def _queue(self, size: int, now_s: float) -> float | None:
        """Return until when it has passed the link, in seconds from now; None where the queue is full."""
        network = self._impairment
        if network.kbps is None:
            return 0.0
        waits_s = max(0.0, self._free_s - now_s)
        if waits_s > network.queue_ms / 1000:
            return None
        self._free_s = now_s + waits_s + size * 8 / 1000 / network.kbps
        return self._free_s - now_s
