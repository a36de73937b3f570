"""How much came in the last seconds."""

from __future__ import annotations

import threading
from collections import deque

from stream_guard.clock import NS_PER_S, seconds

__all__ = ["Rate"]

_WINDOW_NS = 2 * NS_PER_S


class Rate:
    """Counts what arrives over a sliding window of two seconds. May be fed from another thread."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()

    def add(self, now_ns: int, amount: int = 1) -> None:
        """Take note of an arrival at a monotonic time in nanoseconds."""
        with self._lock:
            self._arrivals.append((now_ns, amount))
            self._forget(now_ns)

    def per_second(self, now_ns: int) -> float:
        """Return the amount a second; 0 when fewer than two arrivals are in the window."""
        with self._lock:
            self._forget(now_ns)
            if len(self._arrivals) < 2:
                return 0.0
            spread_s = seconds(self._arrivals[-1][0] - self._arrivals[0][0])
            # The first one opens the interval; its amount came before it.
            amount = sum(amount for _, amount in self._arrivals) - self._arrivals[0][1]
            return amount / spread_s if spread_s > 0 else 0.0

    def _forget(self, now_ns: int) -> None:
        while self._arrivals and now_ns - self._arrivals[0][0] > _WINDOW_NS:
            self._arrivals.popleft()
