"""A clock that stands still until it is told."""

from __future__ import annotations

from stream_guard.clock import NS_PER_MS, NS_PER_S

__all__ = ["ManualClock"]


class ManualClock:
    """A `stream_guard.clock.Clock` set by hand."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Return the time it was set to, in nanoseconds."""
        return self._now_ns

    def advance(self, *, s: float = 0, ms: float = 0, ns: int = 0) -> int:
        """Move forward, and return the new time in nanoseconds.

        Args:
            s: seconds,
            ms: milliseconds,
            ns: and nanoseconds are added up.

        Raises:
            ValueError: the sum is negative; monotonic clocks never go back.
        """
        step_ns = round(s * NS_PER_S) + round(ms * NS_PER_MS) + ns
        if step_ns < 0:
            raise ValueError("a monotonic clock never goes back")
        self._now_ns += step_ns
        return self._now_ns
