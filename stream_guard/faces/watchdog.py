"""Ends work that hangs: one thread that looks now and then, so that a piece of work costs two assignments."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Watchdog"]

_LOOK_EVERY_S = 0.25


class _Watched:
    """One piece of work: how long it may still take, and what ends it."""

    def __init__(self, left_s: float, end: Callable[[], object]) -> None:
        self.left_s = left_s
        self.end = end
        self.seen = False


class Watchdog:
    """Calls for the end of whatever takes too long. A timer for each piece would start a thread for each.

    One piece of work at a time. The end comes up to half a second late. Time counts as far as we were awake
    in it: a process that was stopped (Ctrl+Z, a machine asleep) did not hang.
    """

    def __init__(self) -> None:
        """Start looking."""
        self._watched: list[_Watched] = []
        closed = threading.Event()
        # The thread must not hold on to us, or nobody who forgets to close would ever be collected.
        threading.Thread(target=_look, args=(self._watched, closed), name="watchdog", daemon=True).start()
        self._close = weakref.finalize(self, closed.set)

    @contextmanager
    def limit(self, limit_s: float, end: Callable[[], object]) -> Iterator[None]:
        """Have ``end`` called, in another thread, if the block takes longer than so many seconds."""
        self._watched.append(_Watched(limit_s, end))
        try:
            yield
        finally:
            self._watched.clear()

    def close(self) -> None:
        """Stop looking. Safe to call twice."""
        self._close()


def _look(watched: list[_Watched], closed: threading.Event) -> None:
    looked_s = time.monotonic()
    while not closed.wait(_LOOK_EVERY_S):
        now_s = time.monotonic()
        awake_s, looked_s = min(now_s - looked_s, 2 * _LOOK_EVERY_S), now_s
        for work in tuple(watched):
            work.left_s -= awake_s if work.seen else 0.0  # it may have begun this moment
            work.seen = True
            if work.left_s < 0:
                work.end()
