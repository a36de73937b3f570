"""Both ends of a call that clips are sent through, and the network between: in step, in media time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import overload

import aiortc.codecs.vpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S, seconds
from stream_guard.errors import SourceEnded, StreamGuardError
from stream_guard.frame import Frame
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.clock import ManualClock

__all__ = ["Lottery", "Pictures", "SteppedTrack", "Viewer", "fixed_bitrate"]

_CLOCK_RATE = 90_000

_PATIENCE_S = 0.25
"""How long a picture waits for the one before it to arrive. Only what waits for a retransmission takes as long."""

_MOST_TRAILING = 15
"""Copies of the last picture that are sent after it: a picture is only whole once the next one begins, and only
what follows tells the receiver that something was lost."""

Pictures = Iterator[NDArray[np.uint8]]
"""Each uint8, shape (height, width, 3), RGB."""


@contextmanager
def fixed_bitrate(kbps: int) -> Iterator[None]:
    """Hold VP8 encoders that are made inside at one bitrate, whatever their receiver asks for.

    aiortc has no such setting: its encoders follow the receiver's estimate (REMB) between module constants.

    Args:
        kbps: kilobits a second.
    """
    module = aiortc.codecs.vpx
    before = {name: getattr(module, name) for name in ("DEFAULT_BITRATE", "MIN_BITRATE", "MAX_BITRATE")}
    try:
        for name in before:
            setattr(module, name, kbps * 1000)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


class Viewer:
    """Watches the source, as a pipeline would, and keeps the pictures that are wanted."""

    def __init__(self, fps: float, wanted: Sequence[int]) -> None:
        """Take the pictures' rate, and the numbers of those to keep, rising."""
        self.kept: list[Frame] = []
        self.arrivals_s: list[float] = []
        self._fps = fps
        self._wanted = list(wanted)
        self._counted: list[tuple[int, int]] = []
        self._news = asyncio.Event()

    async def watch(self, source: WebRtcSource) -> None:
        """Read the source to its end."""
        with contextlib.suppress(SourceEnded):
            while True:
                frame = await source.recv()
                number = round(frame.media_s * self._fps)
                self._counted.append((number, frame.sequence + 1))
                self.arrivals_s.append(seconds(frame.arrived_ns))
                if self._wanted and number >= self._wanted[0]:
                    self.kept.append(frame)
                    self._wanted = [one for one in self._wanted if one > number]
                self._news.set()

    async def seen(self, number: int) -> None:
        """Wait until a picture is shown, or one after it; not for long, it may be lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while not self.has_seen(number):
                    self._news.clear()
                    await self._news.wait()

    def has_seen(self, number: int) -> bool:
        """Return whether a picture was shown, or one after it."""
        return number < 0 or bool(self._counted and self._counted[-1][0] >= number)

    def received_of(self, sent: int) -> int:
        """Return how many of the first so many pictures were decoded, those passed over included."""
        return max((count for number, count in self._counted if number < sent), default=0)


class SteppedTrack(MediaStreamTrack):
    """A video track that gives the next picture as soon as the one before has got through."""

    kind = "video"

    def __init__(self, pictures: Pictures, fps: float, clock: ManualClock, viewer: Viewer) -> None:
        """Prepare. ``connection``, whose sender this track feeds, is set before the first picture is asked for."""
        super().__init__()
        self.connection: RTCPeerConnection | None = None
        self.sent = 0
        self.payload: int | None = None
        self.failure: StreamGuardError | None = None
        self.began, self.over = asyncio.Event(), asyncio.Event()
        self.on("ended", self.over.set)
        self._pictures = pictures
        self._fps = fps
        self._clock = clock
        self._viewer = viewer
        self._number = 0
        self._last: NDArray[np.uint8] | None = None

    async def recv(self) -> VideoFrame:
        """Return the next picture; the last one again until it has arrived."""
        if self.readyState != "live":
            raise MediaStreamError
        self.began.set()
        # A picture is whole for the receiver when the next one begins.
        await self._viewer.seen(self._number - 2)
        rgb = await self._next()
        if rgb is None:
            self.stop()
            raise MediaStreamError
        at_s = self._number / self._fps
        self._clock.advance(ns=round(at_s * NS_PER_S) - self._clock.now_ns())
        frame = VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = round(at_s * _CLOCK_RATE)
        frame.time_base = Fraction(1, _CLOCK_RATE)
        self._number += 1
        return frame

    async def _next(self) -> NDArray[np.uint8] | None:
        if self.payload is None:
            try:
                rgb = await asyncio.to_thread(next, self._pictures, None)
            except StreamGuardError as error:
                self.failure = error
                return None
            if rgb is not None:
                self.sent += 1
                self._last = rgb
                return rgb
            self.payload = await self._payload_so_far()
        trailing = self._number - self.sent
        return None if trailing >= _MOST_TRAILING or self._viewer.has_seen(self.sent - 1) else self._last

    async def _payload_so_far(self) -> int:
        assert self.connection is not None
        report = await self.connection.getStats()
        return sum(item.bytesSent for item in report.values() if item.type == "outbound-rtp")


class Lottery(Sequence[bool]):
    """Draws anew, each time it is asked, whether a packet is lost, and counts."""

    def __init__(self, chance: float, rng: np.random.Generator) -> None:
        """Take the chance of a loss, 0 to 1."""
        self.drawn = 0
        self.lost = 0
        self._chance = chance
        self._rng = rng

    def __len__(self) -> int:
        return 1  # a list that repeats, to `lose_packets`

    @overload
    def __getitem__(self, index: int) -> bool: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bool]: ...
    def __getitem__(self, index: int | slice) -> bool | Sequence[bool]:
        if isinstance(index, slice):
            raise TypeError("draws are made one at a time")
        self.drawn += 1
        lost = bool(self._rng.random() < self._chance)
        self.lost += lost
        return lost
