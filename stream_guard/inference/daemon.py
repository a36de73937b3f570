"""A thread that may be left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

__all__ = ["DaemonThread"]

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThread(Executor):
    """One worker thread, as an executor. The process ends even if its job never does.

    `concurrent.futures.ThreadPoolExecutor` joins its threads when the interpreter exits: a call that hangs inside a
    driver would keep the whole program from ending.
    """

    def __init__(self, name: str) -> None:
        """Start the thread.

        Args:
            name: of the thread, as debuggers show it.
        """
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs: after `shutdown` it does where a job never ended."""
        return self._thread.is_alive()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call.

        Raises:
            RuntimeError: after `shutdown`.
        """
        if self._ended:
            raise RuntimeError("the thread has been told to end")
        future: Future[T] = Future()
        self._jobs.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread after what is queued.

        Args:
            wait: return when it has ended.
            cancel_futures: do not begin what is queued.
        """
        self._ended = True
        while cancel_futures:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job[0].cancel()
        self._jobs.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # it is the caller's, whatever it is
                    future.set_exception(error)
            del job, future, call  # or the last call's arguments live until the next one
