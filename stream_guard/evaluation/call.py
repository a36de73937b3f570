"""Pictures through a real WebRTC call on this machine: VP8 at a bitrate, with packets lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import overload

import aiortc.codecs.vpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S, seconds
from stream_guard.errors import SourceEnded, SourceError, StreamGuardError
from stream_guard.frame import Frame
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.clock import ManualClock
from stream_guard.testing.peers import WhipSender, lose_packets

__all__ = ["Delivery", "fixed_bitrate", "freezes", "send"]

_CLOCK_RATE = 90_000
_CONNECT_LIMIT_S = 15.0

_PATIENCE_S = 0.25
"""How long a picture waits for the one before it to arrive. Only what waits for a retransmission takes as long."""

_MOST_TRAILING = 15
"""Copies of the last picture that are sent after it: a picture is only whole once the next one begins, and only
what follows tells the receiver that something was lost."""

Pictures = Iterator[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the pictures. Times are those of the media, not of the machine.

    Attributes:
        kept: the frames that were wanted, as they arrived.
        sent: pictures.
        received: pictures that were decoded.
        freezes: pauses of the picture, see `freezes`.
        frozen_s: their sum in seconds.
        seconds: of media that were sent.
        kbps: what the encoder made of them, RTP payload without retransmissions, in kilobits a second.
        packets: RTP packets that were sent, retransmissions included.
        dropped: of these, the ones lost on the way.
    """

    kept: tuple[Frame, ...]
    sent: int
    received: int
    freezes: int
    frozen_s: float
    seconds: float
    kbps: float
    packets: int
    dropped: int


async def send(
    pictures: Pictures, *, fps: float, kbps: int, loss: float, wanted: Sequence[int], rng: np.random.Generator
) -> Delivery:
    """Send pictures as VP8 to a `WebRtcSource` over 127.0.0.1, and return what arrives.

    Pictures go out as fast as they get through. Neither side can tell: the encoder's rate control goes by
    their time stamps, and the receiver's clock is set to the media's time. Each RTP packet is lost with the same
    chance, a retransmission too; RTCP gets through. The round trip is as good as nothing, so what is lost
    comes again at once unless that is lost as well: for many milliseconds, loss is worse than here.

    The encoder's bitrate is a setting of the process: one call at a time (see `fixed_bitrate`).

    Args:
        pictures: uint8, shape (height, width, 3), RGB, all of one even size; read in a thread.
        fps: pictures a second.
        kbps: target bitrate in kilobits a second.
        loss: the chance that a packet is lost, 0 to 1.
        wanted: numbers of the pictures to keep, rising. What a viewer sees then is kept: a picture that did not
            arrive is replaced by the next that did.
        rng: draws the packets that are lost.

    Raises:
        SourceError: the call broke off.
        StreamGuardError: whatever reading the pictures raises.
    """
    clock = ManualClock()
    viewer = _Viewer(fps, wanted)
    track = _SteppedTrack(pictures, fps, clock, viewer)
    sender = WhipSender("", track)  # its HTTP is not needed: both ends are here
    track.connection = sender.connection
    lottery = _Lottery(loss, rng)
    with fixed_bitrate(kbps):
        try:
            source = WebRtcSource(await sender.offer(), clock=clock, loopback_only=True)
            async with source:
                lose_packets(sender.connection, lottery)
                watching = asyncio.create_task(viewer.watch(source), name="viewer")
                try:
                    await sender.connection.setRemoteDescription(RTCSessionDescription(source.answer_sdp, "answer"))
                    await asyncio.wait_for(track.began.wait(), _CONNECT_LIMIT_S)
                    await track.over.wait()
                finally:
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
        except TimeoutError as error:
            raise SourceError("the call did not connect on this machine") from error
        finally:
            await sender.connection.close()
    if track.failure is not None:
        raise track.failure
    if track.payload is None:
        raise SourceError("the call broke off before all pictures were sent")
    media_s = track.sent / fps
    pauses, frozen_s = freezes(viewer.arrivals_s)
    return Delivery(
        kept=tuple(viewer.kept),
        sent=track.sent,
        received=viewer.received_of(track.sent),
        freezes=pauses,
        frozen_s=frozen_s,
        seconds=media_s,
        kbps=track.payload * 8 / 1000 / media_s if media_s else 0.0,
        packets=lottery.drawn,
        dropped=lottery.lost,
    )


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


def freezes(arrivals_s: Sequence[float]) -> tuple[int, float]:
    """Return how often the picture froze, and for how many seconds in all.

    A freeze is a gap of at least three times the mean of the last 30, and at least 150 ms more than it (W3C,
    "Identifiers for WebRTC's Statistics API", freezeCount).

    Args:
        arrivals_s: when pictures were shown, in seconds, rising.
    """
    gaps = np.diff(np.asarray(arrivals_s, np.float64))
    frozen = []
    for number, gap in enumerate(gaps):
        usual = float(gaps[max(0, number - 30) : number].mean()) if number else np.inf
        if gap >= max(3 * usual, usual + 0.15):
            frozen.append(float(gap))
    return len(frozen), sum(frozen)


class _Viewer:
    """Watches the source, as a pipeline would, and keeps the pictures that are wanted."""

    def __init__(self, fps: float, wanted: Sequence[int]) -> None:
        self.kept: list[Frame] = []
        self.arrivals_s: list[float] = []
        self._fps = fps
        self._wanted = list(wanted)
        self._counted: list[tuple[int, int]] = []
        self._news = asyncio.Event()

    async def watch(self, source: WebRtcSource) -> None:
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
        return number < 0 or bool(self._counted and self._counted[-1][0] >= number)

    def received_of(self, sent: int) -> int:
        """Return how many of the first so many pictures were decoded, those passed over included."""
        return max((count for number, count in self._counted if number < sent), default=0)


class _SteppedTrack(MediaStreamTrack):
    """A video track that gives the next picture as soon as the one before has got through."""

    kind = "video"

    def __init__(self, pictures: Pictures, fps: float, clock: ManualClock, viewer: _Viewer) -> None:
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


class _Lottery(Sequence[bool]):
    """Draws anew, each time it is asked, whether a packet is lost, and counts."""

    def __init__(self, chance: float, rng: np.random.Generator) -> None:
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
