"""How a server ends: at the first signal with goodbyes, within three seconds; at a second one at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from contextlib import suppress

__all__ = ["LIMIT_S", "told_to_end"]

log = logging.getLogger(__name__)

LIMIT_S = 3.0
"""How long goodbyes may take. What hangs then, in a driver or in a thread, would hang for ever."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl+C, a service manager, a terminal that is closed. Windows knows the first alone."""


async def told_to_end() -> None:
    """Wait for a signal that asks for the end.

    From then on the process lives for `LIMIT_S` seconds at most, and another signal ends it at once.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    signals = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]

    def end() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_leave, name="deadline", daemon=True).start()
        told.set()

    for number in signals:
        with suppress(NotImplementedError):  # Windows: there asyncio itself turns Ctrl+C into the end
            loop.add_signal_handler(number, end)
    await told.wait()


def _leave() -> None:
    """End the process, if it is still there when the time is up."""
    threading.Event().wait(LIMIT_S)
    log.error("something hangs: left after %g s, without every goodbye", LIMIT_S)
    logging.shutdown()
    os._exit(1)
