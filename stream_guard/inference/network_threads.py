"""Small networks for many threads at once; whoever asks never waits for one that hangs."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.daemon import DaemonThread
from stream_guard.inference.engine import Network

__all__ = ["NetworkThreads"]

Answer = list[NDArray[np.float32]]


class NetworkThreads:
    """Copies of one network, each on a thread of its own: as many callers as there are copies are served at once.

    A copy that does not answer in time is left behind with its thread, as engines are
    (`stream_guard.inference.engine_thread`); the process ends all the same.
    """

    def __init__(self, copies: Sequence[Network], *, name: str, patience_s: float = 5.0) -> None:
        """Start the threads.

        Args:
            copies: the network, opened so many times.
            name: of the threads.
            patience_s: how long an answer may take, in seconds.
        """
        self._patience_s = patience_s
        self._free: queue.SimpleQueue[tuple[Network, DaemonThread]] = queue.SimpleQueue()
        self._threads = [DaemonThread(name) for _ in copies]
        for pair in zip(copies, self._threads, strict=True):
            self._free.put(pair)

    def __call__(self, tensor: NDArray[np.float32]) -> Answer:
        """Ask, from any thread but the event loop's.

        Args:
            tensor: as the network takes it; it must stay as it is, also where this fails.

        Raises:
            EngineLost: no answer within the patience: it hangs, or all copies do.
            EngineError: the network failed, or `close` was called.
        """
        network, thread = self._next_free()
        try:
            answer: Future[Answer] = thread.submit(network, tensor)
        except RuntimeError as error:
            raise EngineError("the network has been closed") from error
        # In two halves: a process that was stopped meanwhile (Ctrl+Z, a machine asleep) did not hang.
        if not any(wait([answer], self._patience_s / 2).done for _ in range(2)):
            raise EngineLost(f"it hangs: no answer within {self._patience_s:g} s")
        self._free.put((network, thread))
        failure = answer.exception()
        if failure is None:
            return answer.result()
        if isinstance(failure, EngineError):
            raise failure
        raise EngineError(f"the network failed: {type(failure).__name__}: {failure}") from failure

    def _next_free(self) -> tuple[Network, DaemonThread]:
        for _ in range(2):
            with suppress(queue.Empty):
                return self._free.get(timeout=self._patience_s / 2)
        raise EngineLost(f"it hangs: no copy was free within {self._patience_s:g} s")

    def close(self) -> None:
        """End the threads once they are done; waits for none. Safe to call twice."""
        for thread in self._threads:
            thread.shutdown(wait=False)
