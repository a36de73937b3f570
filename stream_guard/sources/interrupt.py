"""Breaks off what a thread waits for inside FFmpeg.

PyAV gives FFmpeg a callback that ends a wait once a limit has passed, but no way to end it earlier, and a
container must not be closed while another thread reads from it. The callback looks at the clock through
``av.container.core.time``; a stand-in for it shows a thread that is to stop a clock on which every limit has
passed. A private name: where it is missing, waits end at `FOREVER_S`, which is then short.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av.container.core

__all__ = ["FOREVER_S", "Interrupt"]

_waiting: dict[int, Interrupt] = {}
"""Thread identifier to what may interrupt it."""


class Interrupt:
    """A request to stop, for one thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the thread to stop; FFmpeg gives up its wait within about 0.1 s."""
        self._asked.set()

    def asked(self) -> bool:
        """Return whether to stop."""
        return self._asked.is_set()

    def sleep(self, duration_s: float) -> None:
        """Sleep, or until asked to stop."""
        self._asked.wait(max(0.0, duration_s))

    @contextmanager
    def of_this_thread(self) -> Iterator[None]:
        """Be what interrupts this thread while the block runs."""
        _waiting[threading.get_ident()] = self
        try:
            yield
        finally:
            del _waiting[threading.get_ident()]


class _Time:
    """The `time` module as PyAV sees it."""

    # Further on every call than any limit: PyAV also takes its start from here, and start + limit must pass.
    _far_s = itertools.count(1e12, 1e12)

    def monotonic(self) -> float:
        """Return the time, or one on which all limits have passed."""
        interrupt = _waiting.get(threading.get_ident())
        if interrupt is not None and interrupt.asked():
            return next(self._far_s)
        return time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _install() -> float:
    if not hasattr(av.container.core, "time"):
        return 10.0
    av.container.core.time = _Time()
    return 1e9


FOREVER_S = _install()
"""The limit, in seconds, of a wait that only `Interrupt.ask` should end."""
