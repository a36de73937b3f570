"""``libcuda`` in Python: memory is this process's, the stream runs at once, the kernel is the host's build of it.

It takes what a C library takes (`ctypes` values and pointers) and returns CUresult codes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["FakeLibCuda"]

Work = Callable[[], object]

_QUIET = {
    "cuCtxPopCurrent_v2", "cuCtxPushCurrent_v2", "cuDevicePrimaryCtxRelease_v2", "cuEventRecord",
    "cuEventSynchronize", "cuGraphDestroy", "cuGraphExecDestroy", "cuInit", "cuStreamQuery", "cuStreamSynchronize",
}  # fmt: skip
_HANDLE = 7
_ANSWERS = {
    "cuDeviceGet": 0,
    "cuDeviceGetCount": 1,
    "cuDevicePrimaryCtxRetain": _HANDLE,
    "cuDeviceTotalMem_v2": 2**33,
    "cuDriverGetVersion": 12080,
    "cuEventCreate": _HANDLE,
    "cuModuleGetFunction": _HANDLE,
    "cuStreamCreate": _HANDLE,
}


class FakeLibCuda:
    """One GPU called "Some GPU", of compute capability 8.9.

    Attributes:
        launched: kernels run so far.
        memory: what is allocated, by address.
    """

    def __init__(self, kernel: Path) -> None:
        self._crop = ctypes.CDLL(str(kernel)).crop
        self.memory: dict[int, Any] = {}
        self.launched = 0
        self._recording: list[Work] | None = None
        self._graphs: dict[int, list[Work]] = {}

    def __getattr__(self, name: str) -> Callable[..., int]:
        """What needs no doing succeeds."""
        if name in _QUIET:
            return lambda *_: 0
        if name in _ANSWERS:
            return lambda out, *_: _set(out, _ANSWERS[name])
        raise AttributeError(name)

    def cuDeviceGetName(self, text: Any, size: Any, device: Any) -> int:
        text.value = b"Some GPU"
        return 0

    def cuDeviceGetAttribute(self, out: Any, which: Any, device: Any) -> int:
        return _set(out, {75: 8, 76: 9}[which.value])

    def cuMemAlloc_v2(self, out: Any, size: Any) -> int:
        buffer = np.full(size.value, 170, np.uint8)
        self.memory[buffer.ctypes.data] = buffer
        return _set(out, buffer.ctypes.data)

    def cuMemHostAlloc(self, out: Any, size: Any, flags: Any) -> int:
        return self.cuMemAlloc_v2(out, size)

    def cuMemFree_v2(self, address: Any) -> int:
        del self.memory[address.value]
        return 0

    cuMemFreeHost = cuMemFree_v2

    def cuMemcpyHtoDAsync_v2(self, target: Any, source: Any, size: Any, stream: Any) -> int:
        return self._put(lambda: ctypes.memmove(target.value, source.value, size.value))

    cuMemcpyDtoHAsync_v2 = cuMemcpyHtoDAsync_v2

    def cuModuleLoadData(self, out: Any, image: Any) -> int:
        return _set(out, _HANDLE) if b".entry crop(" in image.value else 218

    def cuLaunchKernel(self, function: Any, *given: Any) -> int:
        (_, rows, faces, _, height), addresses = (one.value for one in given[:5]), given[8]
        kinds = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char * 24)
        values = [kind.from_address(address) for kind, address in zip(kinds, addresses, strict=True)]
        cuts, batch, size, kind = (one.value for one in values[:4])
        normal = bytes(values[4])

        def run() -> None:
            self.launched += 1
            pointers = ctypes.c_void_p(cuts), ctypes.c_void_p(batch)
            self._crop(*pointers, size, kind, faces, rows * height, ctypes.c_char_p(normal))

        return self._put(run)

    def cuEventElapsedTime(self, out: Any, began: Any, ended: Any) -> int:
        return _set(out, 0.5)

    def cuStreamBeginCapture_v2(self, stream: Any, mode: Any) -> int:
        self._recording = []
        return 0

    def cuStreamEndCapture(self, stream: Any, out: Any) -> int:
        number = len(self._graphs) + 1
        self._graphs[number], self._recording = self._recording or [], None
        return _set(out, number)

    def cuGraphInstantiateWithFlags(self, out: Any, graph: Any, flags: Any) -> int:
        return _set(out, graph.value)

    def cuGraphLaunch(self, executable: Any, stream: Any) -> int:
        for work in self._graphs[executable.value]:
            work()
        return 0

    def cuGetErrorString(self, code: int, text: Any) -> int:
        return _set(text, f"error {code}".encode())

    def _put(self, work: Work) -> int:
        if self._recording is None:
            work()
        else:
            self._recording.append(work)
        return 0


def _set(out: Any, value: object) -> int:
    out._obj.value = value
    return 0
