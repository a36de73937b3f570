"""A small network for all streams that is opened anew where it hangs or keeps failing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.restarts import RestartLimit
from stream_guard.errors import EngineError, EngineLost, StreamGuardError
from stream_guard.inference.engine import Network
from stream_guard.inference.network_threads import NetworkThreads

__all__ = ["MendedNetwork"]

log = logging.getLogger(__name__)

_FAILURES = 3
"""Answers in a row that may fail; one may be the picture's fault."""

_OPENINGS = 3
_WITHIN_S = 60.0
"""So often in so many seconds it is opened anew."""


class MendedNetwork:
    """Runs one network on a thread of its own, for any thread but the event loop's. Nobody waits for it for ever.

    The question on which it fails is lost; the next one is asked of the one that was opened anew.
    """

    def __init__(
        self,
        open_network: Callable[[], Network],
        *,
        name: str,
        patience_s: float = 5.0,
        told: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Open it.

        Args:
            open_network: opens it, now and whenever it must be opened anew.
            name: what it does, for people and for the thread.
            patience_s: how long an answer may take, in seconds.
            told: is given what happened, in words, from any thread.

        Raises:
            StreamGuardError: what ``open_network`` raises.
        """
        self._open = open_network
        self._name = name
        self._patience_s = patience_s
        self._told = told
        self._limit = RestartLimit(_OPENINGS, within_s=_WITHIN_S)
        self._lock = Lock()
        self._closed = False
        self._failures = 0
        self._threads = self._opened()

    def __call__(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Ask it; see `stream_guard.inference.engine.Network`.

        Raises:
            EngineError: it failed, hangs, or does so again and again.
        """
        threads = self._threads
        try:
            answer = threads(tensor)
        except EngineError as error:
            self._note(threads, error)
            raise EngineError(f"{self._name}: {error}") from error
        self._failures = 0
        return answer

    def close(self) -> None:
        """End its thread once it is done; waits for nothing. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._threads.close()

    def _opened(self) -> NetworkThreads:
        return NetworkThreads([self._open()], name=self._name, patience_s=self._patience_s)

    def _note(self, threads: NetworkThreads, error: EngineError) -> None:
        """Open it anew where it must be, unless somebody else just has, or it was done too often."""
        with self._lock:
            if self._closed or threads is not self._threads:
                return
            self._failures += 1
            if self._failures < _FAILURES and not isinstance(error, EngineLost):
                return
            if self._limit.take(time.monotonic_ns()) is None:
                return
            try:
                self._threads = self._opened()
            except StreamGuardError as failure:
                log.error("%s failed and cannot be opened anew: %s", self._name, failure)
                return
            threads.close()
            self._failures = 0
        self._told(f"{self._name} failed ({error}) and was opened anew")
