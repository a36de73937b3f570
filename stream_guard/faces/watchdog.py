"""Ends work that hangs: one thread that looks now and then, so that a piece of work costs two assignments."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Watchdog"]

_LOOK_EVERY_S = 0.25

_Watched = list[tuple[float, Callable[[], object]]]


class Watchdog:
    """Calls for the end of whatever takes too long. A timer for each piece would start a thread for each.

    One piece of work at a time. The end comes up to a quarter of a second late.
    """

    def __init__(self) -> None:
        """Start looking."""
        self._watched: _Watched = []
        closed = threading.Event()
        # The thread must not hold on to us, or nobody who forgets to close would ever be collected.
        threading.Thread(target=_look, args=(self._watched, closed), name="watchdog", daemon=True).start()
        self._close = weakref.finalize(self, closed.set)

    @contextmanager
    def limit(self, limit_s: float, end: Callable[[], object]) -> Iterator[None]:
        """Have ``end`` called, in another thread, if the block takes longer than so many seconds."""
        self._watched.append((time.monotonic() + limit_s, end))
        try:
            yield
        finally:
            self._watched.clear()

    def close(self) -> None:
        """Stop looking. Safe to call twice."""
        self._close()


def _look(watched: _Watched, closed: threading.Event) -> None:
    while not closed.wait(_LOOK_EVERY_S):
        for until_s, end in tuple(watched):
            if time.monotonic() > until_s:
                end()
