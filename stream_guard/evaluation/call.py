"""Pictures through a real WebRTC call on this machine: VP8 at a bitrate, with packets lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from aiortc import RTCSessionDescription

from stream_guard.errors import SourceError
from stream_guard.evaluation.call_ends import Lottery, Pictures, SteppedTrack, Viewer, fixed_bitrate
from stream_guard.frame import Frame
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.clock import ManualClock
from stream_guard.testing.peers import WhipSender, lose_packets

__all__ = ["Delivery", "freezes", "send"]

_CONNECT_LIMIT_S = 15.0


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
    comes again at once unless that is lost as well. In calls with a real round trip, loss freezes more.

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
    viewer = Viewer(fps, wanted)
    track = SteppedTrack(pictures, fps, clock, viewer)
    sender = WhipSender("", track)  # its HTTP is not needed: both ends are here
    track.connection = sender.connection
    lottery = Lottery(loss, rng)
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
