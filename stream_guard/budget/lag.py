"""Delay that hides in queues nobody can look into."""

from __future__ import annotations

from collections import deque

from stream_guard.clock import NS_PER_S

__all__ = ["Lag"]


class Lag:
    """Tells hidden backlog from the drift between when frames arrive and when they say they were shown.

    Arrival minus media time is an unknown constant (the clocks' offset and the shortest way through the network)
    plus the time spent waiting. The smallest difference of the last ``window_s`` seconds stands for the constant:
    some frame did not wait. A window, because clocks run apart: at 100 parts in a million, 60 s of it hide or
    invent 6 ms. A delay that stays the same for a whole window cannot be told from a longer way, and counts as one.

    Memory: one number a second of the window.
    """

    def __init__(self, *, window_s: int = 60) -> None:
        """Start without a frame.

        Args:
            window_s: how far back the smallest difference is looked for.
        """
        self._window_s = window_s
        self._smallest: deque[tuple[int, int]] = deque()
        self._media_ns: int | None = None

    def observe(self, arrived_ns: int, media_s: float) -> int:
        """Take a frame.

        Args:
            arrived_ns: monotonic nanoseconds.
            media_s: its presentation time.

        Returns:
            How long it waited somewhere, in nanoseconds, 0 or more.
        """
        media_ns = round(media_s * NS_PER_S)
        if self._media_ns is not None and media_ns < self._media_ns:
            self._smallest.clear()  # a stream that began anew; one that leaps ahead needs no care
        self._media_ns = media_ns
        return self._above_smallest(arrived_ns // NS_PER_S, arrived_ns - media_ns)

    def _above_smallest(self, second: int, difference: int) -> int:
        """Return how far a difference is above the window's smallest, itself included."""
        smallest = self._smallest
        while smallest and smallest[0][0] <= second - self._window_s:
            smallest.popleft()
        # Kept increasing, so the front is the smallest: what is larger than a newcomer will never be needed.
        while smallest and smallest[-1][1] >= difference:
            smallest.pop()
        if not smallest or smallest[-1][0] != second:
            smallest.append((second, difference))
        return difference - smallest[0][1]
