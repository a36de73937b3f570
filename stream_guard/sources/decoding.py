"""Bounds for what waits to be decoded, which aiortc leaves without any.

Its receivers put every encoded picture into a queue that one thread empties: a decoder that is slower than its
sender falls behind for ever, and takes the memory along. Tables by SSRC grow with every number a sender makes up.
"""

from __future__ import annotations

import queue
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection, rtcrtpreceiver

from stream_guard.clock import NS_PER_S, Clock
from stream_guard.errors import SourceError, UnsupportedMedia
from stream_guard.sources.datagrams import pass_over_broken
from stream_guard.sources.failures import MAX_PIXELS
from stream_guard.sources.recovery import DecoderAlarm, PatientNacks, RecoveringBuffer

__all__ = ["MAX_PIXELS", "DecodeQueue", "bound_receivers", "key_frame_size"]

_MAX_FPS = 240
_FPS_WINDOW_S = 2

_DEPTH = 30
"""Encoded pictures that may wait: a second of a call, and the end of any backlog."""

_LAST = 3
"""That may wait at the end: a decoder that keeps up loses none of them."""

_ASK_EVERY = 15
"""Pictures passed over between two requests for a key frame."""

_PACKETS = 512
"""RTP packets of a video that wait for those between them; aiortc's own figure, half a megabyte."""

_MAX_SOURCES = 64
"""SSRCs of one connection; a sender has one a stream, and one more for its retransmissions."""

_H264_KEY = re.compile(rb"\x00\x00\x01[\x05\x07\x25\x27\x45\x47\x65\x67]")
"""An IDR slice or a parameter set, of any importance (H.264, table 7-1), in Annex B."""


def key_frame_size(codec: str, data: bytes) -> tuple[int, int] | None:
    """Return whether an encoded picture can be decoded without those before it, and how large it is.

    Args:
        codec: ``VP8`` or ``H264``.
        data: one picture, as aiortc puts it together.

    Returns:
        Width and height in pixels, (0, 0) where the codec does not say so at once; None if it is no key frame.
    """
    if codec == "VP8":  # RFC 6386, section 9.1
        if len(data) < 10 or data[0] & 1:
            return None
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return (0, 0) if _H264_KEY.search(data[:4096]) else None


class DecodeQueue(queue.Queue[Any]):
    """Takes the place of a receiver's queue of (codec, picture). The event loop puts, the decoder's thread gets.

    Pictures build on those before them, so none can be left out alone: when too many wait, all of them go, and
    those that follow, until the next key frame, which the sender is asked for. Sound is simply cut short.

    Attributes:
        passed_over: pictures that were never decoded.
        buffer: where they are put together before; None for sound.
    """

    buffer: RecoveringBuffer | None = None

    def __init__(
        self, *, video: bool, clock: Clock, ask_key_frame: Callable[[], None], refuse: Callable[[SourceError], None]
    ) -> None:
        """Make an empty one.

        Args:
            video: whether pictures come.
            clock: for the frame rate.
            ask_key_frame: has the sender asked for one.
            refuse: is told why the stream is not taken any further.
        """
        super().__init__()
        self.passed_over = 0
        self._video = video
        self._clock = clock
        self._ask_key_frame = ask_key_frame
        self._refuse = refuse
        self._until_key_frame = False
        self._came_ns: deque[int] = deque(maxlen=_MAX_FPS * _FPS_WINDOW_S)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take what came, or pass it over. None is the end, and always taken."""
        if item is None or not self._video:
            # aiortc holds the event loop up until all before the end is decoded.
            if self.qsize() >= (_DEPTH if item is not None else _LAST):
                dropped = self._empty()
                self.passed_over += dropped if self._video else 0
            super().put(item)
            return
        codec, picture = item
        size = key_frame_size(codec.name, picture.data)
        if self._too_much(size):
            return
        if not self._until_key_frame and self.qsize() >= _DEPTH:
            self.passed_over += self._empty()
            self._until_key_frame = True
        if self._until_key_frame and size is None:
            if self.passed_over % _ASK_EVERY == 0:
                self._ask_key_frame()
            self.passed_over += 1
            return
        self._until_key_frame = False
        super().put(item)

    def _too_much(self, size: tuple[int, int] | None) -> bool:
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            shown = f"{size[0]}x{size[1]}"
            self._refuse(UnsupportedMedia(f"the picture is too large: {shown}; 8K is the most that is taken"))
            return True
        now_ns = self._clock.now_ns()
        full = len(self._came_ns) == self._came_ns.maxlen
        self._came_ns.append(now_ns)
        if full and now_ns - self._came_ns[0] < _FPS_WINDOW_S * NS_PER_S:
            self._refuse(
                UnsupportedMedia(f"more than {_MAX_FPS} pictures a second; that is the most that is taken")
            )
            return True
        return False

    def _empty(self) -> int:
        count = 0
        try:
            while True:
                self.get_nowait()
                count += 1
        except queue.Empty:
            return count


class _Sources(dict[int, Any]):
    """A table by SSRC that stays small, and says so when it would not."""

    def __init__(self, refuse: Callable[[SourceError], None]) -> None:
        super().__init__()
        self._refuse = refuse

    def __setitem__(self, ssrc: int, value: Any) -> None:
        if len(self) >= _MAX_SOURCES and ssrc not in self:
            self._refuse(SourceError(f"the sender uses more than {_MAX_SOURCES} stream numbers (SSRCs)"))
            del self[next(iter(self))]
        super().__setitem__(ssrc, value)


def bound_receivers(
    connection: RTCPeerConnection, *, clock: Clock, refuse: Callable[[SourceError], None]
) -> list[DecodeQueue]:
    """Bound what a connection's receivers keep. Call it once its media sections are known, before media flows.

    aiortc has no setting for any of it, so private fields are replaced, where they are there.

    Args:
        connection: whose receivers are meant.
        clock: for the frame rate.
        refuse: is told why the stream is not taken any further; may be called again and again.

    Returns:
        The queues of the videos.
    """
    pass_over_broken(connection)
    queues = []
    for transceiver in connection.getTransceivers():
        receiver: Any = transceiver.receiver
        buffer = RecoveringBuffer(_PACKETS, clock=clock)
        if transceiver.kind == "video":
            _replace(receiver, "_RTCRtpReceiver__jitter_buffer", buffer)
            _replace(receiver, "_RTCRtpReceiver__nack_generator", PatientNacks(clock))
            _replace(receiver, "_RTCRtpReceiver__decoder_error", DecoderAlarm(buffer))
        waiting = DecodeQueue(
            video=transceiver.kind == "video",
            clock=clock,
            ask_key_frame=getattr(receiver, "_RTCRtpReceiver__decoder_error", _Nobody()).set,
            refuse=refuse,
        )
        _replace(receiver, "_RTCRtpReceiver__decoder_queue", waiting)
        _replace(receiver, "_RTCRtpReceiver__remote_streams", _Sources(refuse))
        if transceiver.kind == "video":
            waiting.buffer = buffer
            queues.append(waiting)
    return queues


class _Nobody:
    def set(self) -> None:
        """Have nobody asked."""


def _replace(holder: Any, name: str, value: Any) -> None:
    if hasattr(holder, name):
        setattr(holder, name, value)


_aiortc: Any = rtcrtpreceiver
_get_decoder = _aiortc.get_decoder


def _bounded_decoder(codec: Any) -> Any:
    """Return aiortc's decoder; FFmpeg's refuses what is far too large before it makes room for it."""
    decoder = _get_decoder(codec)
    context = getattr(decoder, "codec", None)
    if codec.name.upper() == "H264" and context is not None:
        # Twice our own limit, which answers in words; H.264 tells its size where only FFmpeg looks.
        context.options = {"max_pixels": str(2 * MAX_PIXELS)}
    return decoder


_aiortc.get_decoder = _bounded_decoder
