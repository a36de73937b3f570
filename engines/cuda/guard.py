"""What every call to the GPU goes through: the right thread, a device that is open, errors in our words."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from stream_guard.errors import EngineError, EngineLost, EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["Guard"]


class Guard:
    """Of one device, made on the thread that the device belongs to.

    Attributes:
        stream: PyCUDA's stream, once there is one.
        closed: nothing is let through any more.
        capturing: a graph is being captured; asking the stream how it is would spoil that.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.stream: Any = None
        self.closed = False
        self.capturing = False

    def check_thread(self) -> None:
        """Refuse every other thread.

        Raises:
            EngineError: this is another one.
        """
        if threading.get_ident() != self._thread:
            raise EngineError("a GPU context belongs to the thread that opened it")

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Turn what PyCUDA and the driver raise into our errors.

        Args:
            what: is being done, for the message.

        Raises:
            EngineLost: it failed, and the context is broken or the GPU is gone.
            EngineError: it failed, or the device was closed, or this is another thread.
        """
        self.check_thread()
        if self.closed:
            raise EngineError(f"the GPU was closed: no {what} any more")
        try:
            yield
        except (EngineLost, EngineUnavailable):
            raise
        except Exception as error:  # ours from the driver, and PyCUDA's classes, of which several mean the same
            if self._lost():
                raise EngineLost(f"the GPU is lost while {what}: {one_line(error)}") from error
            raise EngineError(f"{what}: {one_line(error)}") from error

    def _lost(self) -> bool:
        """Ask the context. What breaks it is answered to every later call, and nothing else is.

        So says the CUDA Driver API Reference of each such error, for instance CUDA_ERROR_ILLEGAL_ADDRESS: "This
        leaves the process in an inconsistent state and any further CUDA work will return the same error."
        """
        if self.stream is None or self.capturing:
            return False
        try:
            self.stream.is_done()
        except Exception:
            return True
        return False
