"""One GPU as one thread uses it: context, stream, memory, events, graphs.

Everything is made at load time and freed together; nothing is allocated in the loop. The context is the GPU's
primary one, which other libraries of the process (PyTorch, TensorRT) share.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.cuda.guard import Guard
from engines.cuda.library import MIN_CAPABILITY, count_devices, load_library
from engines.cuda.memory import Memory, check_copy
from engines.cuda.work import Graph, Kernel, Stopwatch, captured
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["Device", "Graph", "Kernel", "Memory", "Stopwatch"]

_log = logging.getLogger(__name__)

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: does not wait for work that others put on the default stream."""


class Device:
    """Opened, used and closed on one thread: ``with Device.open() as device: ...``.

    Attributes:
        ordinal: the GPU's number.
        name: the GPU's name.
        capability: compute capability, for instance (8, 9).
        memory_bytes: of the GPU, in all.
        stream: the CUstream on which everything here runs, as an integer.
    """

    @classmethod
    def open(cls, ordinal: int = 0) -> Self:
        """Take a GPU for the calling thread.

        Args:
            ordinal: which one, as the driver counts.

        Raises:
            EngineUnavailable: there is no driver, it is too old, or there is no such GPU, or none that is new
                enough.
            EngineError: the GPU is there, but refuses: it is out of memory or reserved for somebody else.
        """
        cuda = load_library()
        count = count_devices(cuda)
        if not 0 <= ordinal < count:
            raise EngineUnavailable(f"there is no GPU {ordinal}; the driver shows {count}")
        return cls(cuda, ordinal)

    def __init__(self, cuda: Any, ordinal: int) -> None:
        """Use `open`.

        Args:
            cuda: the module ``pycuda.driver``, started.
            ordinal: of a GPU that exists.
        """
        self._cuda = cuda
        self._guard = Guard()
        self._context: Any = None
        self._allocations: list[Any] = []
        self._work: list[Kernel | Graph | Stopwatch] = []
        self.ordinal, self.stream = ordinal, 0
        with self._guard.doing(f"opening GPU {ordinal}"):
            gpu = cuda.Device(ordinal)
            self.name, self.memory_bytes = str(gpu.name()), int(gpu.total_memory())
            self.capability: tuple[int, int] = tuple(gpu.compute_capability())
        if self.capability < MIN_CAPABILITY:
            old, new = (f"{major}.{minor}" for major, minor in (self.capability, MIN_CAPABILITY))
            raise EngineUnavailable(f"{self.name} is too old: compute capability {old}, {new} is needed")
        try:
            with self._guard.doing(f"opening {self.name}"):
                context = gpu.retain_primary_context()
                context.push()
                self._context = context
                self._guard.stream = cuda.Stream(_NON_BLOCKING)
                self.stream = int(self._guard.stream.handle)
        except EngineError:
            self.close()
            raise

    def memory(self, size: int) -> Memory:
        """Allocate device memory.

        Args:
            size: in bytes, at least 1.

        Raises:
            EngineError: the GPU is out of memory.
        """
        with self._guard.doing(f"allocating {size / 2**20:.1f} MiB on the GPU"):
            allocation = self._cuda.mem_alloc(size)
            self._allocations.append(allocation)
            return Memory(int(allocation), size)

    def staging(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return a page-locked array, which is copied without the driver's detour. Not to be used after `close`.

        Args:
            shape: of the array.
            dtype: of the array.

        Raises:
            EngineError: there is no more memory that may be locked.
        """
        with self._guard.doing("allocating page-locked memory"):
            array: NDArray[Any] = self._cuda.pagelocked_empty(shape, np.dtype(dtype))
            self._allocations.append(array.base)
            return array

    def upload(self, target: Memory, source: NDArray[Any]) -> None:
        """Put a copy to the GPU on the stream. The source must stay as it is until the stream has got there.

        Args:
            target: at least as large as the source; its beginning is written.
            source: contiguous; from `staging`, or the copy is slow and cannot be captured.

        Raises:
            EngineError: it does not fit, or the copy failed.
        """
        check_copy(source, target)
        with self._guard.doing("copying to the GPU"):
            self._cuda.memcpy_htod_async(target.address, source, self._guard.stream)

    def download(self, target: NDArray[Any], source: Memory) -> None:
        """Put a copy from the GPU on the stream; what arrives can be read after `synchronize`.

        Args:
            target: contiguous, from `staging`; filled from the source's beginning.
            source: at least as large as the target.

        Raises:
            EngineError: it does not fit, or the copy failed.
        """
        check_copy(target, source)
        with self._guard.doing("copying from the GPU"):
            self._cuda.memcpy_dtoh_async(target, source.address, self._guard.stream)

    def synchronize(self) -> None:
        """Wait until the stream is empty.

        Raises:
            EngineLost: something on it broke the context, or the GPU is gone.
        """
        with self._guard.doing("waiting for the GPU"):
            self._guard.stream.synchronize()

    def stopwatch(self) -> Stopwatch:
        """Return a pair of events that measure what lies between them on the stream.

        Raises:
            EngineError: the driver refuses.
        """
        with self._guard.doing("making events"):
            stopwatch = Stopwatch(self._guard, self._cuda.Event(), self._cuda.Event())
            self._work.append(stopwatch)
            return stopwatch

    def kernel(self, image: bytes, name: str, arguments: str) -> Kernel:
        """Load compiled code and return one of its kernels. PTX is compiled for this GPU, and cached by the driver.

        Args:
            image: PTX text, or a cubin.
            name: of the kernel, unmangled.
            arguments: their types in order, as `struct` writes them: ``P`` for an address, ``i``, ``f``, ``64s``...

        Raises:
            EngineError: the code is not for this GPU or this driver, or has no such kernel.
        """
        with self._guard.doing(f"loading the kernel {name}"):
            function = self._cuda.module_from_buffer(image).get_function(name)  # which keeps its module
            kernel = Kernel(self._guard, function.prepare(arguments))
            self._work.append(kernel)
            return kernel

    def capture(self, work: Callable[[], None]) -> Graph:
        """Note down what ``work`` puts on the stream, and return it as one thing to launch. Nothing runs yet.

        Args:
            work: copies from and to `staging`, kernels, TensorRT's ``execute_async_v3`` on `stream`. It must have
                run once before: lazy initialisation cannot be captured.

        Raises:
            EngineError: ``work`` does something that cannot be captured.
        """
        with self._guard.doing("capturing a CUDA graph"):
            graph = captured(self._guard, work)
            self._work.append(graph)
            return graph

    def close(self) -> None:
        """Free everything, the last made first, and leave the thread as it was. Safe to call twice.

        A lost device cannot free anything; that is noted and nothing is raised.
        """
        if self._context is None:
            self._guard.closed = True
            return
        self._guard.check_thread()
        context, self._context, self._guard.closed = self._context, None, True
        steps: list[Callable[[], object]] = []
        if self._guard.stream is not None:
            steps.append(self._guard.stream.synchronize)  # nothing may run on memory that is being freed
        steps += [work.free for work in reversed(self._work)]
        steps += [allocation.free for allocation in reversed(self._allocations)]
        steps += [self._work.clear, self._allocations.clear, self._forget_stream]
        for step in [*steps, context.pop, context.detach]:
            try:
                step()
            except Exception as error:
                _log.warning("while closing the GPU: %s", one_line(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget_stream(self) -> None:
        self._guard.stream, self.stream = None, 0
