"""``pycuda.driver`` and the CUDA driver's graph functions, as far as `engines.cuda` calls them, in Python.

Memory is this process's own, the stream runs at once, and a captured graph is a list of what was put on the stream.
Every call is noted, by the names of the driver API. Faults are set by those names.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FakeCuda", "FakeDriver"]


class Error(Exception):
    """As PyCUDA's: the function that failed and the driver's words for the code."""


class FakeCuda:
    """The module ``pycuda.driver``.

    Attributes:
        calls: what was called, in order.
        faults: what a function of the driver API answers, by its name.
        sticky: what every call that reaches the GPU answers: the context is broken.
    """

    Error = Error

    def __init__(self, *, version: int = 12040, gpus: int = 1, capability: tuple[int, int] = (8, 9)) -> None:
        self.calls: list[str] = []
        self.faults: dict[str, str] = {}
        self.sticky = ""
        self.version, self.gpus, self.capability = version, gpus, capability
        self.recording: list[Callable[[], None]] | None = None
        self.Device = FakeGpus(self)

    def told(self, name: str, *, gpu: bool = True) -> None:
        """Note a call, and fail as it was set."""
        self.calls.append(name)
        answer = self.faults.get(name) or (self.sticky if gpu else "")
        if answer:
            raise Error(f"{name} failed: {answer}")

    def put(self, name: str, work: Callable[[], None]) -> None:
        """Note a call, and run its work, or keep it for the graph."""
        self.told(name)
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def init(self) -> None:
        self.told("cuInit", gpu=False)

    def get_driver_version(self) -> int:
        return self.version

    def Stream(self, flags: int) -> Any:
        self.told("cuStreamCreate")
        assert flags == 1, "a stream that waits for nobody else's"
        return SimpleNamespace(
            handle=0x5712EA,
            synchronize=lambda: self.told("cuStreamSynchronize"),
            is_done=self._is_done,
        )

    def Event(self) -> Any:
        self.told("cuEventCreate")
        return SimpleNamespace(
            record=lambda stream: self.told("cuEventRecord"),
            synchronize=lambda: self.told("cuEventSynchronize"),
            time_till=lambda other: 0.25,
        )

    def mem_alloc(self, size: int) -> Any:
        self.told("cuMemAlloc")
        return Allocation(self, size)

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        self.told("cuMemHostAlloc")
        return np.asarray(HostAllocation(self, shape, dtype))

    def memcpy_htod_async(self, target: int, source: NDArray[Any], stream: Any) -> None:
        self.put("cuMemcpyHtoDAsync", lambda: _copy(target, source.ctypes.data, source.nbytes))

    def memcpy_dtoh_async(self, target: NDArray[Any], source: int, stream: Any) -> None:
        self.put("cuMemcpyDtoHAsync", lambda: _copy(target.ctypes.data, source, target.nbytes))

    def module_from_buffer(self, image: bytes) -> Any:
        self.told("cuModuleLoadDataEx")
        return SimpleNamespace(get_function=self._function)

    def _function(self, name: str) -> Any:
        self.told("cuModuleGetFunction")

        def launch(grid: Any, block: Any, stream: Any, *arguments: Any) -> None:
            self.put("cuLaunchKernel", lambda: self.calls.append(f"{name}{grid}{arguments}"))

        function = SimpleNamespace(prepared_async_call=launch)
        function.prepare = lambda arguments: function
        return function

    def _is_done(self) -> bool:
        assert self.recording is None, "cuStreamQuery would spoil the capture"
        if self.sticky:
            raise Error(f"cuStreamQuery failed: {self.sticky}")
        return True


class FakeGpus:
    """The class ``pycuda.driver.Device``."""

    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda

    def count(self) -> int:
        self._cuda.told("cuDeviceGetCount", gpu=False)
        return self._cuda.gpus

    def __call__(self, ordinal: int) -> Any:
        cuda = self._cuda
        assert ordinal < cuda.gpus

        def retain() -> Any:
            cuda.told("cuDevicePrimaryCtxRetain")
            return SimpleNamespace(
                push=lambda: cuda.told("cuCtxPushCurrent"),
                pop=lambda: cuda.told("cuCtxPopCurrent", gpu=False),
                detach=lambda: cuda.told("cuDevicePrimaryCtxRelease", gpu=False),
            )

        return SimpleNamespace(
            name=lambda: "Some GPU",
            total_memory=lambda: 2**33,
            compute_capability=lambda: cuda.capability,
            retain_primary_context=retain,
        )


class Allocation:
    def __init__(self, cuda: FakeCuda, size: int) -> None:
        self._cuda, self._memory = cuda, np.full(size, 170, np.uint8)

    def __int__(self) -> int:
        return self._memory.ctypes.data

    def free(self) -> None:
        self._cuda.told("cuMemFree")


class HostAllocation:
    """The base of a page-locked array."""

    def __init__(self, cuda: FakeCuda, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._cuda, self._memory = cuda, np.empty(shape, dtype)
        self.__array_interface__ = self._memory.__array_interface__

    def free(self) -> None:
        self._cuda.told("cuMemFreeHost")


class FakeDriver:
    """The library ``libcuda``: returns codes, and has the words for them."""

    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda
        self._graphs: dict[int, list[Callable[[], None]]] = {}

    def __getattr__(self, name: str) -> Callable[..., int]:
        def called(*arguments: Any) -> int:
            try:
                self._cuda.told(name)
            except Error:
                return 999
            work = getattr(type(self), f"_{name}", None)
            if work is not None:
                work(self, *arguments)
            return 0

        return called

    def cuGetErrorString(self, code: int, text: Any) -> int:
        text._obj.value = (self._cuda.sticky or next(iter(self._cuda.faults.values()))).encode()
        return 0

    def _cuStreamBeginCapture_v2(self, stream: Any, mode: Any) -> None:
        assert stream.value == 0x5712EA
        self._cuda.recording = []

    def _cuStreamEndCapture(self, stream: Any, graph: Any) -> None:
        assert self._cuda.recording is not None
        self._graphs[1] = self._cuda.recording
        self._cuda.recording = None
        graph._obj.value = 1

    def _cuGraphInstantiateWithFlags(self, executable: Any, graph: Any, flags: Any) -> None:
        number = len(self._graphs) + 1
        self._graphs[number] = self._graphs[graph.value]
        executable._obj.value = number

    def _cuGraphLaunch(self, executable: Any, stream: Any) -> None:
        for work in self._graphs[executable.value]:
            work()


def _copy(target: int, source: int, size: int) -> None:
    ctypes.memmove(target, source, size)
