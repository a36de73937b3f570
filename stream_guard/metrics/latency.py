"""How long things took and how often they came, over the last seconds. Pure, bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S

__all__ = ["LatencyWindow", "Percentiles", "RateWindow"]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations that this share of the samples did not exceed, in nanoseconds; each is one that was measured.

    Nearest rank, not interpolated: with few samples p99 is the largest, never something milder.
    """

    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    count: int


class _Ring:
    """The newest samples: when, and how much. The oldest is overwritten."""

    def __init__(self, window_ns: int, capacity: int) -> None:
        if window_ns <= 0 or capacity < 1:
            raise ValueError("a window is longer than nothing and holds at least one sample")
        self.window_ns = window_ns
        self._at = np.empty(capacity, dtype=np.int64)
        self._value = np.empty(capacity, dtype=np.int64)
        self._added = 0

    def add(self, at_ns: int, value: int) -> None:
        slot = self._added % len(self._at)
        self._at[slot] = at_ns
        self._value[slot] = value
        self._added += 1

    def since(self, oldest_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return times and values of the samples that are younger, in no order."""
        held = min(self._added, len(self._at))
        young = self._at[:held] > oldest_ns
        return self._at[:held][young], self._value[:held][young]


class LatencyWindow:
    """Percentiles of what one stage took."""

    def __init__(self, *, window_s: float = 10.0, capacity: int = 1024) -> None:
        """Open the window.

        Args:
            window_s: samples older than this do not count.
            capacity: how many samples are held; with more than that in the window the newest count. 16 bytes
                each.
        """
        self._ring = _Ring(round(window_s * NS_PER_S), capacity)

    def add(self, duration_ns: int, *, now_ns: int) -> None:
        """Take one sample that ended now."""
        self._ring.add(now_ns, duration_ns)

    def percentiles(self, *, now_ns: int) -> Percentiles | None:
        """Return the percentiles of the window that ends now; None where nothing is in it."""
        _, durations = self._ring.since(now_ns - self._ring.window_ns)
        count = len(durations)
        if not count:
            return None
        durations.sort()
        ranks = [-(-count * share // 100) - 1 for share in (50, 90, 95, 99)]
        p50, p90, p95, p99 = (int(durations[rank]) for rank in ranks)
        return Percentiles(p50, p90, p95, p99, count)


class RateWindow:
    """How many a second, over the last seconds."""

    def __init__(self, *, window_s: float = 3.0, capacity: int = 1024) -> None:
        """Open the window.

        Args:
            window_s: what came before does not count.
            capacity: how many are held; rates above ``capacity / window_s`` are measured over less time.
        """
        self._ring = _Ring(round(window_s * NS_PER_S), capacity)

    def add(self, *, now_ns: int) -> None:
        """Take note that one came now."""
        self._ring.add(now_ns, 0)

    def per_second(self, *, now_ns: int) -> float:
        """Return the rate now; 0 where fewer than two came, and falling where they stop coming.

        Measured from the first in the window to the last, so a stream that has just begun is not called slow;
        but once the next is overdue, to now.
        """
        times, _ = self._ring.since(now_ns - self._ring.window_ns)
        gaps = len(times) - 1
        if gaps < 1:
            return 0.0
        first, last = int(times.min()), int(times.max())
        overdue = now_ns - last > 2 * (last - first) / gaps
        elapsed_ns = (now_ns if overdue else last) - first
        return gaps * NS_PER_S / elapsed_ns if elapsed_ns > 0 else 0.0
