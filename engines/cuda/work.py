"""What can be put on a device's stream besides copies: kernels, graphs, and events that measure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from engines.cuda import driver
from engines.cuda.guard import Guard
from stream_guard.errors import EngineError

__all__ = ["Graph", "Kernel", "Stopwatch", "captured"]


class Kernel:
    """Code on the GPU; from `Device.kernel`."""

    def __init__(self, guard: Guard, function: Any) -> None:
        self._guard = guard
        self._function = function

    def launch(self, grid: tuple[int, int, int], block: tuple[int, int, int], *arguments: object) -> None:
        """Put one run on the stream.

        Args:
            grid: blocks in x, y, z.
            block: threads in x, y, z.
            *arguments: of the types named to `Device.kernel`.

        Raises:
            EngineError: the GPU cannot run it so.
        """
        with self._guard.doing("launching a kernel"):
            self._function.prepared_async_call(grid, block, self._guard.stream, *arguments)

    def free(self) -> None:
        """Let the code go; its device does so in any case."""
        self._function = None


class Graph:
    """A sequence of copies and kernels that is launched as one; from `Device.capture`."""

    def __init__(self, guard: Guard, executable: int) -> None:
        self._guard = guard
        self._executable = executable

    def launch(self) -> None:
        """Put the whole sequence on the stream.

        Raises:
            EngineError: the driver refuses.
        """
        with self._guard.doing("launching a CUDA graph"):
            driver.launch(self._executable, int(self._guard.stream.handle))

    def free(self) -> None:
        """Free it; its device does so in any case."""
        executable, self._executable = self._executable, 0
        if executable:
            driver.destroy_executable(executable)


class Stopwatch:
    """Measures work on the stream by the GPU's own clock; from `Device.stopwatch`."""

    def __init__(self, guard: Guard, began: Any, ended: Any) -> None:
        self._guard = guard
        self._began = began
        self._ended = ended

    def start(self) -> None:
        """Note the time at which the stream gets here."""
        with self._guard.doing("recording an event"):
            self._began.record(self._guard.stream)

    def stop(self) -> None:
        """Note the time at which the stream gets here."""
        with self._guard.doing("recording an event"):
            self._ended.record(self._guard.stream)

    def elapsed_ms(self) -> float:
        """Wait for the second event and return the milliseconds between the two; resolution 0.5 µs.

        Raises:
            EngineError: `start` and `stop` were not both called.
        """
        with self._guard.doing("reading events"):
            self._ended.synchronize()
            return float(self._began.time_till(self._ended))

    def free(self) -> None:
        """Let the events go; its device does so in any case."""
        self._began = self._ended = None


def captured(guard: Guard, work: Callable[[], None]) -> Graph:
    """Return what ``work`` puts on the stream as a graph; see `Device.capture`.

    Args:
        guard: of the device whose stream it is.
        work: is called once.

    Raises:
        EngineError: it does something that cannot be captured.
    """
    stream = int(guard.stream.handle)
    driver.begin_capture(stream)
    guard.capturing = True
    try:
        work()
    except BaseException:
        with contextlib.suppress(EngineError):  # what went wrong first is what to tell
            driver.end_capture(stream, keep=False)
        raise
    finally:
        guard.capturing = False
    return Graph(guard, driver.end_capture(stream))
