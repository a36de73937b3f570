"""Puts pictures together from RTP packets as soon as they are whole.

aiortc's buffer takes a picture for whole when the first packet of the next one has come: every frame waits for one
frame, 33 ms at 30 a second. The marker bit says so at once: it is set on the last packet of a picture (VP8: RFC
7741, section 4.1; H.264: RFC 6184, section 5.1, as "an early indication" that one must not rely upon). So it is
believed until it is seen to be wrong, and where it is missing all is as before.
"""

from __future__ import annotations

import logging
from typing import Any

from aiortc.jitterbuffer import JitterBuffer, JitterFrame

__all__ = ["PromptJitterBuffer"]

log = logging.getLogger(__name__)


class PromptJitterBuffer(JitterBuffer):
    """Gives a video's picture out with the packet that completes it."""

    def __init__(self, capacity: int) -> None:
        """Open an empty one.

        Args:
            capacity: packets that are held, a power of two.
        """
        super().__init__(capacity, is_video=True)
        self._believed = True
        self._given_out: int | None = None

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        self._skip_rest()
        frame = self._marked() if self._believed else None
        if frame is None:
            frame = super()._remove_frame(sequence_number)
        if frame is not None:
            self._given_out = frame.timestamp
        return frame

    def _skip_rest(self) -> None:
        """Pass over padding behind a picture that is out already; anything else there proves its marker wrong."""
        while (packet := self._first()) is not None and packet.timestamp == self._given_out:
            if packet._data and self._believed:
                log.info("the sender's RTP marker bits are wrong: pictures wait for the next one's first packet")
                self._believed = False
            self.remove(1)

    def _marked(self) -> JitterFrame | None:
        """Take the oldest picture out if it is whole by its marker."""
        packets: list[Any] = []
        assert self._origin is not None
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(one._data for one in packets), packet.timestamp)
        return None

    def _first(self) -> Any:
        """Return the packet that is given out next, with its `_data`, the codec's part of it; or None."""
        return None if self._origin is None else self._packets[self._origin % self.capacity]
