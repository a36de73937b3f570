"""The receiving end of a WebRTC connection: one video track in, newest frame out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
from collections.abc import Coroutine
from typing import Any, Literal

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame

from stream_guard.clock import Clock, seconds
from stream_guard.errors import SignallingError, SourceEnded, SourceError, UnsupportedMedia
from stream_guard.frame import Frame
from stream_guard.sources.addresses import only_loopback
from stream_guard.sources.base import Source, Transport
from stream_guard.sources.colour import planes, shown_size, to_rgb
from stream_guard.sources.decoding import MAX_PIXELS, DecodeQueue, bound_receivers
from stream_guard.sources.dtls import accept_rsa_peers
from stream_guard.sources.handover import Handover
from stream_guard.sources.ice import IceSettings, relayed, why_no_relay
from stream_guard.sources.rates import Rate
from stream_guard.sources.rebinding import follow_rebinding
from stream_guard.sources.sdp import video_codec
from stream_guard.sources.timeline import Timeline

__all__ = ["Receiver", "ReceivingSource"]

log = logging.getLogger(__name__)

_CLOSE_LIMIT_S = 2.0

_MAX_CANDIDATES = 100
"""A connection that took what its peer trickles without end would probe addresses without end."""


class ReceivingSource(Source):
    """What all sources share whose frames come through a `Receiver`; `open` makes it."""

    live = True
    _receiver: Receiver | None = None

    async def recv(self) -> Frame:
        """Wait for the next frame. See `Source.recv`."""
        if self._receiver is None:
            raise RuntimeError("open the source first")
        frame = await self._receiver.frames.get()
        self.overwritten = self._receiver.frames.overwritten + self._receiver.passed_over
        return frame

    def transport(self) -> Transport:
        """Return how the picture gets here. See `Source.transport`."""
        return self._receiver.transport() if self._receiver is not None else Transport()


class Receiver:
    """Wraps one `RTCPeerConnection` that receives.

    aiortc queues what it decodes without a bound (a reader of 200 ms a frame was 6.7 s behind after 8 s), so
    the track is emptied as it fills, into one slot where the newest frame wins. Audio is decoded and dropped.
    What waits to be decoded is bounded, too: see `stream_guard.sources.decoding`.

    Attributes:
        connection: for whoever does the signalling.
        frames: what was received.
    """

    def __init__(
        self, *, clock: Clock, loopback_only: bool, connect_limit_s: float, ice: IceSettings | None = None
    ) -> None:
        accept_rsa_peers()
        self._ice = ice or IceSettings()
        self.connection = RTCPeerConnection(self._ice.configuration)
        self.frames = Handover(newest_wins=True)
        self._clock = clock
        self._loopback_only = loopback_only
        self._connect_limit_s = connect_limit_s
        self._timeline = Timeline(live=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._queues: list[DecodeQueue] = []
        self._candidates = 0
        self._sequence = 0
        self._pictures = Rate()
        self._size = (0, 0)
        self._codec = ""
        self._counted = 0, 0
        self._kbps: float | None = None
        self._lost: int | None = None
        self.connection.on("track", self._take)
        self.connection.on("connectionstatechange", self._follow)

    async def gather(self, description: RTCSessionDescription) -> str:
        """Set our description, wait for all our candidates, and return it with them.

        Raises:
            SignallingError: 503, media is to come through the TURN server only, and that does not help.
        """
        self._queues = bound_receivers(self.connection, clock=self._clock, refuse=self.frames.end)
        with only_loopback(self._loopback_only):
            await self.connection.setLocalDescription(description)
        follow_rebinding(self.connection, self._clock)
        text = str(self.connection.localDescription.sdp)
        if self._ice.turn and not relayed(text):
            reason = await why_no_relay(self._ice)
            if self._ice.relay_only:
                raise SignallingError(503, f"no way for the media: {reason}")
            log.warning("media can come directly only: %s", reason)
        self._start(self._watch(), "webrtc watch")
        return text

    @property
    def passed_over(self) -> int:
        """How many pictures came but were never decoded."""
        return sum(waiting.passed_over for waiting in self._queues) + self._buffered("passed_over")

    def add_later(self, candidates: tuple[tuple[str, str], ...]) -> None:
        """Add (media id, candidate) pairs without waiting for the look-up of mDNS names.

        On loopback such names are left out: looking them up asks the whole network by multicast, and a peer on
        this machine finds us by itself. So are those beyond the hundredth: "MUST silently discard the candidate"
        (RFC 9725, section 4.3.2).
        """
        if self._loopback_only:
            candidates = tuple(item for item in candidates if ".local" not in item[1])
        candidates = candidates[: _MAX_CANDIDATES - self._candidates]
        self._candidates += len(candidates)
        if candidates:
            self._start(self._add(candidates), "webrtc candidates")

    async def close(self) -> None:
        """Close the connection and end everything that was started for it, within two seconds."""
        self.frames.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        _forget_undecoded(self.connection)
        try:
            await asyncio.wait_for(self.connection.close(), _CLOSE_LIMIT_S)
        except Exception as error:
            # Whatever is wrong with the connection, whoever closes is done with it.
            log.warning("a connection did not close cleanly: %s", type(error).__name__)

    def transport(self) -> Transport:
        """Return what is known of the way here. ``kbps`` counts all that arrives, audio included."""
        # Once: aiortc writes a whole SDP whenever it is asked for one, and this is asked for with every frame.
        if not self._codec and self.connection.remoteDescription:
            self._codec = video_codec(self.connection.localDescription.sdp)
        return Transport(
            codec=self._codec,
            width=self._size[0],
            height=self._size[1],
            fps=self._pictures.per_second(self._clock.now_ns()),
            kbps=self._kbps,
            lost=self._lost,
            passed_over=self._buffered("passed_over"),
            damaged=self._buffered("damaged"),
        )

    def _buffered(self, count: Literal["passed_over", "damaged"]) -> int:
        return sum(getattr(waiting.buffer, count) for waiting in self._queues if waiting.buffer is not None)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(work, name=name))

    def _take(self, track: MediaStreamTrack) -> None:
        first = not any(task.get_name() == "webrtc video" for task in self._tasks)
        if track.kind == "video" and first:
            self._start(self._pump(track), "webrtc video")
        else:
            self._start(_drain(track), f"webrtc {track.kind} drain")

    def _follow(self) -> None:
        if self.connection.connectionState in {"failed", "closed"}:
            self.frames.end(SourceEnded("the sender is gone: the connection was closed or lost"))

    async def _pump(self, track: MediaStreamTrack) -> None:
        """Move every decoded picture to the slot, as it comes."""
        while True:
            try:
                picture = await track.recv()
            except MediaStreamError:
                self.frames.end(SourceEnded("the sender has ended the stream"))
                return
            if isinstance(picture, VideoFrame):
                self._receive(picture)

    def _receive(self, picture: VideoFrame) -> None:
        now_ns = self._clock.now_ns()
        stamp_s = (
            None if picture.pts is None or picture.time_base is None else float(picture.pts * picture.time_base)
        )
        if picture.width * picture.height > MAX_PIXELS:
            size = f"{picture.width}x{picture.height}"
            self.frames.end(UnsupportedMedia(f"the picture is too large: {size}; 8K is the most that is taken"))
            return
        self._size = shown_size(picture)
        self._pictures.add(now_ns)
        self.frames.put(
            Frame(
                lambda: to_rgb(picture, hd_is_bt709=False),
                sequence=self._sequence,
                media_s=self._timeline.place(stamp_s, now_ns),
                arrived_ns=now_ns,
                width=self._size[0],
                height=self._size[1],
                planes=lambda: planes(picture, hd_is_bt709=False),
            )
        )
        self._sequence += 1

    async def _watch(self) -> None:
        """Once a second, note what came; give up on a connection that does not come about."""
        began_ns = self._clock.now_ns()
        self._counted = 0, began_ns
        while True:
            await asyncio.sleep(1.0)
            state = self.connection.connectionState
            waited_s = seconds(self._clock.now_ns() - began_ns)
            if state in {"new", "connecting"} and waited_s > self._connect_limit_s:
                self.frames.end(
                    SourceError(f"no media connection within {waited_s:.0f} s; is a firewall between (UDP)?")
                )
                return
            await self._measure()

    async def _measure(self) -> None:
        now_ns = self._clock.now_ns()
        report = await self.connection.getStats()
        received = sum(item.bytesReceived for item in report.values() if item.type == "transport")
        before, since_ns = self._counted
        if now_ns > since_ns:
            self._kbps = (received - before) * 8 / 1000 / seconds(now_ns - since_ns)
        self._counted = received, now_ns
        self._lost = _packets_lost(self.connection)

    async def _add(self, candidates: tuple[tuple[str, str], ...]) -> None:
        for mid, text in candidates:
            try:
                candidate = candidate_from_sdp(text)
                candidate.sdpMid = mid
                await self.connection.addIceCandidate(candidate)
            except (AssertionError, ValueError, OSError) as error:
                # "MUST silently discard the candidate" (RFC 9725, section 4.3.2).
                log.debug("a candidate was left out: %s", type(error).__name__)


async def _drain(track: MediaStreamTrack) -> None:
    """Read and forget: aiortc would pile up what nobody reads."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


def _forget_undecoded(connection: RTCPeerConnection) -> None:
    """Empty the decoders' queues: aiortc's `close` waits for them, and the event loop with it."""
    for receiver in connection.getReceivers():
        waiting = getattr(receiver, "_RTCRtpReceiver__decoder_queue", None)
        if waiting is not None:
            ended = False
            with contextlib.suppress(queue.Empty):
                while True:
                    ended |= waiting.get_nowait() is None
            if ended:
                waiting.put(None)  # the decoder's thread has yet to hear that it may go


def _packets_lost(connection: RTCPeerConnection) -> int | None:
    """Return video packets that did not arrive the first time; None if aiortc does not show.

    Its public report has one entry for all streams of a receiver, so the retransmissions' count hides the
    video's. The private table is asked instead, if it is there; the video is its largest stream.
    """
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            streams = getattr(transceiver.receiver, "_RTCRtpReceiver__remote_streams", {}).values()
            if streams:
                return int(max(streams, key=lambda stream: stream.packets_received).packets_lost)
    return None
