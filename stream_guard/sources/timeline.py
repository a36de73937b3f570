"""Presentation times one can rely on, made from time stamps one cannot."""

from __future__ import annotations

from stream_guard.clock import seconds

__all__ = ["Timeline"]

_SLACK_S = 10.0
"""How much further than the clock a live stream's time stamps may step before they count as restarted. Buffers
that are emptied in one go step a few seconds."""


class Timeline:
    """Times in seconds that start at 0 and never go back.

    Senders restart their time stamps, RTP time stamps wrap after 13 hours at 90 kHz (RFC 3550, section 5.1)
    and some files have none. Each such break continues where the stream was: by the time that passed on a
    live stream, by one frame's duration in a file.
    """

    def __init__(self, *, live: bool, frame_s: float = 1 / 30) -> None:
        """Start a stream.

        Args:
            live: whether arrival times mean anything.
            frame_s: one frame's duration in seconds where nothing else is known.
        """
        self._live = live
        self._frame_s = frame_s
        self._stamp_s: float | None = None
        self._arrived_ns: int | None = None
        self._now_s = 0.0

    def place(self, stamp_s: float | None, arrived_ns: int) -> float:
        """Return a frame's time in seconds.

        Args:
            stamp_s: what the stream says, in seconds from anywhere; None where it says nothing.
            arrived_ns: monotonic nanoseconds.
        """
        if self._arrived_ns is not None:
            elapsed_s = seconds(arrived_ns - self._arrived_ns)
            self._now_s += self._step(stamp_s, elapsed_s)
        self._stamp_s = stamp_s
        self._arrived_ns = arrived_ns
        return self._now_s

    def _step(self, stamp_s: float | None, elapsed_s: float) -> float:
        if stamp_s is not None and self._stamp_s is not None:
            step_s = stamp_s - self._stamp_s
            if step_s >= 0 and not (self._live and step_s > elapsed_s + _SLACK_S):
                return step_s
        return max(0.0, elapsed_s) if self._live else self._frame_s
