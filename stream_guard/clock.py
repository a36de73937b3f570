"""Time as a thing that is passed in.

Durations are differences of monotonic nanoseconds. Wall time is for display only. Whatever must know the
time takes a `Clock` (or a plain ``now_ns`` argument, if it is pure), so tests can set it.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["NS_PER_MS", "NS_PER_S", "Clock", "MonotonicClock", "ms", "seconds"]

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """Something that knows the time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds; only differences mean anything."""
        ...


class MonotonicClock:
    """The machine's own clock, untouched by NTP or the user."""

    def now_ns(self) -> int:
        """Return ``time.monotonic_ns()``."""
        return time.monotonic_ns()


def ms(duration_ns: int) -> float:
    """Return nanoseconds as milliseconds."""
    return duration_ns / NS_PER_MS


def seconds(duration_ns: int) -> float:
    """Return nanoseconds as seconds."""
    return duration_ns / NS_PER_S
