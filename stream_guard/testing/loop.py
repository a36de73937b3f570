"""An event loop whose time jumps to the next timer: half a minute of conversation passes in a millisecond.

::

    from stream_guard.testing import loop

    async def main() -> None:
        await asyncio.sleep(30)

    loop.run(main())
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from stream_guard.clock import NS_PER_S

__all__ = ["Deadlock", "VirtualLoop", "run"]

T = TypeVar("T")

_PATIENCE_S = 1.0
"""How long a real event (a thread's answer, a socket) is waited for when no timer is left, in real seconds."""


class Deadlock(RuntimeError):
    """Nothing is scheduled, nothing has come from outside, and the program still waits."""


class _Selector:
    """Polls what is real, and passes the time a timer is waited for at once."""

    def __init__(self) -> None:
        self.real = selectors.DefaultSelector()
        self.now = 0.0
        self.busy = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self.real.select(0)
        if events or timeout == 0:
            return events
        if self.busy or timeout is None:
            # A thread works, or only the outside can help: that takes real time, and virtual time stands still.
            events = self.real.select(_PATIENCE_S)
            if not events and not self.busy:
                raise Deadlock("no timer is set and nothing is ready: everything waits for something else")
            return events
        self.now += max(0.0, timeout)
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, from 0.0. It is a `stream_guard.clock.Clock` as well.

    Time moves only when no callback is ready, and then straight to the next timer. While a job runs in an
    executor (``run_in_executor``, ``asyncio.to_thread``) time stands still, so a thread costs no virtual time.
    Sockets work, but what is on its way between two of them is not seen: a timeout may strike first.
    """

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)  # type: ignore[arg-type]  # it is one in all that the loop uses

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual.now

    def now_ns(self) -> int:
        """Return virtual nanoseconds."""
        return round(self._virtual.now * NS_PER_S)

    def run_in_executor(  # type: ignore[override]  # typeshed's version differs between Python releases
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function in a thread; until it is done, time stands still."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._virtual.busy += 1
        future.add_done_callback(self._rest)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the base class has it
        """Wait for the default executor's threads, in real time: a virtual timeout would strike at once."""
        self._virtual.busy += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._virtual.busy -= 1

    def _rest(self, _: object) -> None:
        self._virtual.busy -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh `VirtualLoop`, and return its result.

    Raises:
        Deadlock: it waits for something that cannot happen any more.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
