"""As much of ``pycuda.driver`` as `engines.cuda` uses, by the CUDA driver alone: where PyCUDA is not installed.

Names and meaning are PyCUDA's; functions are those of the CUDA Driver API Reference, called in ``libcuda``.
"""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DriverError", "PlainCuda"]

_BUSY = 600
"""CUDA_ERROR_NOT_READY: the stream has work left."""
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""
_HANDLE, _INT = ctypes.c_void_p, ctypes.c_int


class DriverError(RuntimeError):
    """The driver's word for what went wrong."""


class PlainCuda:
    """Takes the place of the module ``pycuda.driver``."""

    def __init__(self, library: Any = None) -> None:
        """Load the driver.

        Args:
            library: ``libcuda``, where it is loaded already.

        Raises:
            OSError: there is no driver.
        """
        self._library = library or ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        self.Device = _Gpus(self)

    def call(self, name: str, *arguments: object) -> int:
        """Call a function and return 0, or 600 where a stream is busy.

        Raises:
            DriverError: it answered anything else.
        """
        code = int(getattr(self._library, name)(*arguments))
        if code and code != _BUSY:
            told = ctypes.c_char_p()
            self._library.cuGetErrorString(code, ctypes.byref(told))
            raise DriverError(f"{name} failed: {told.value.decode() if told.value else code}")
        return code

    def handle(self, name: str, *arguments: object) -> ctypes.c_void_p:
        """Call a function that writes a handle first, and return the handle."""
        made = _HANDLE()
        self.call(name, ctypes.byref(made), *arguments)
        return made

    def number(self, name: str, *arguments: object) -> int:
        """Call a function that writes an int first, and return the int."""
        value = _INT()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    def init(self) -> None:
        """Start CUDA."""
        self.call("cuInit", ctypes.c_uint(0))

    def get_driver_version(self) -> int:
        """Return the CUDA version that the driver speaks; 12040 is 12.4."""
        return self.number("cuDriverGetVersion")

    def Stream(self, flags: int) -> _Stream:
        """Make a stream."""
        return _Stream(self, self.handle("cuStreamCreate", ctypes.c_uint(flags)))

    def Event(self) -> _Event:
        """Make an event that takes the time."""
        return _Event(self, self.handle("cuEventCreate", ctypes.c_uint(0)))

    def mem_alloc(self, size: int) -> _Allocation:
        """Allocate device memory."""
        return _Allocation(self, self.handle("cuMemAlloc_v2", ctypes.c_size_t(size)), "cuMemFree_v2")

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a page-locked array; its ``base`` frees it."""
        size = int(np.prod(shape)) * dtype.itemsize
        memory = _Allocation(
            self, self.handle("cuMemHostAlloc", ctypes.c_size_t(size), ctypes.c_uint(0)), "cuMemFreeHost"
        )
        memory.__array_interface__ = {
            "version": 3, "shape": shape, "typestr": dtype.str, "data": (int(memory), False)
        }  # fmt: skip
        return np.asarray(memory)

    def memcpy_htod_async(self, target: int, source: NDArray[Any], stream: _Stream) -> None:
        """Put a copy to the GPU on the stream."""
        size = ctypes.c_size_t(source.nbytes)
        self.call(
            "cuMemcpyHtoDAsync_v2", _HANDLE(target), _HANDLE(source.ctypes.data), size, _HANDLE(stream.handle)
        )

    def memcpy_dtoh_async(self, target: NDArray[Any], source: int, stream: _Stream) -> None:
        """Put a copy from the GPU on the stream."""
        size = ctypes.c_size_t(target.nbytes)
        self.call(
            "cuMemcpyDtoHAsync_v2", _HANDLE(target.ctypes.data), _HANDLE(source), size, _HANDLE(stream.handle)
        )

    def module_from_buffer(self, image: bytes) -> _Module:
        """Load PTX, ending in a zero byte, or a cubin."""
        return _Module(self, self.handle("cuModuleLoadData", ctypes.c_char_p(image)))


class _Gpus:
    """``pycuda.driver.Device``."""

    def __init__(self, cuda: PlainCuda) -> None:
        self._cuda = cuda

    def count(self) -> int:
        return self._cuda.number("cuDeviceGetCount")

    def __call__(self, ordinal: int) -> _Gpu:
        return _Gpu(self._cuda, self._cuda.number("cuDeviceGet", _INT(ordinal)))


class _Gpu:
    def __init__(self, cuda: PlainCuda, device: int) -> None:
        self._cuda, self._device = cuda, _INT(device)

    def name(self) -> str:
        text = ctypes.create_string_buffer(128)
        self._cuda.call("cuDeviceGetName", text, _INT(len(text)), self._device)
        return text.value.decode()

    def total_memory(self) -> int:
        size = ctypes.c_size_t()
        self._cuda.call("cuDeviceTotalMem_v2", ctypes.byref(size), self._device)
        return size.value

    def compute_capability(self) -> tuple[int, int]:
        major, minor = (
            self._cuda.number("cuDeviceGetAttribute", _INT(which), self._device) for which in (_MAJOR, _MINOR)
        )
        return major, minor

    def retain_primary_context(self) -> _Context:
        return _Context(self._cuda, self._cuda.handle("cuDevicePrimaryCtxRetain", self._device), self._device)


class _Context:
    def __init__(self, cuda: PlainCuda, context: ctypes.c_void_p, device: ctypes.c_int) -> None:
        self._cuda, self._context, self._device = cuda, context, device

    def push(self) -> None:
        self._cuda.call("cuCtxPushCurrent_v2", self._context)

    def pop(self) -> None:
        self._cuda.handle("cuCtxPopCurrent_v2")

    def detach(self) -> None:
        self._cuda.call("cuDevicePrimaryCtxRelease_v2", self._device)


class _Stream:
    def __init__(self, cuda: PlainCuda, stream: ctypes.c_void_p) -> None:
        self._cuda, self.handle = cuda, stream.value or 0

    def synchronize(self) -> None:
        self._cuda.call("cuStreamSynchronize", _HANDLE(self.handle))

    def is_done(self) -> bool:
        return self._cuda.call("cuStreamQuery", _HANDLE(self.handle)) == 0


class _Event:
    def __init__(self, cuda: PlainCuda, event: ctypes.c_void_p) -> None:
        self._cuda, self.event = cuda, event

    def record(self, stream: _Stream) -> None:
        self._cuda.call("cuEventRecord", self.event, _HANDLE(stream.handle))

    def synchronize(self) -> None:
        self._cuda.call("cuEventSynchronize", self.event)

    def time_till(self, later: _Event) -> float:
        took = ctypes.c_float()
        self._cuda.call("cuEventElapsedTime", ctypes.byref(took), self.event, later.event)
        return took.value


class _Allocation:
    """Device memory, or page-locked memory, whose address it hands to NumPy."""

    __array_interface__: dict[str, Any]

    def __init__(self, cuda: PlainCuda, address: ctypes.c_void_p, freed_by: str) -> None:
        self._cuda, self._address, self._freed_by = cuda, address, freed_by

    def __int__(self) -> int:
        return self._address.value or 0

    def free(self) -> None:
        self._cuda.call(self._freed_by, self._address)


class _Module:
    """Freed with the context."""

    def __init__(self, cuda: PlainCuda, module: ctypes.c_void_p) -> None:
        self._cuda, self._module = cuda, module

    def get_function(self, name: str) -> _Function:
        return _Function(self._cuda, self._cuda.handle("cuModuleGetFunction", self._module, name.encode()))


class _Function:
    def __init__(self, cuda: PlainCuda, function: ctypes.c_void_p) -> None:
        self._cuda, self._function = cuda, function
        self._types: list[Any] = []

    def prepare(self, arguments: str) -> _Function:
        """Take the arguments' types: ``P``, ``i``, ``f``, and ``24s`` for a struct of 24 bytes."""
        kinds: dict[str, Any] = {"P": ctypes.c_void_p, "i": ctypes.c_int, "f": ctypes.c_float}
        for count, kind in re.findall(r"(\d*)([Pifs])", arguments):
            self._types.append(ctypes.c_char * int(count) if kind == "s" else kinds[kind])
        return self

    def prepared_async_call(
        self, grid: tuple[int, int, int], block: tuple[int, int, int], stream: _Stream, *arguments: Any
    ) -> None:
        values = [
            kind.from_buffer_copy(value) if isinstance(value, bytes) else kind(value)
            for kind, value in zip(self._types, arguments, strict=True)
        ]
        addresses = (_HANDLE * len(values))(*(ctypes.addressof(value) for value in values))
        sizes = [ctypes.c_uint(size) for size in (*grid, *block, 0)]
        self._cuda.call("cuLaunchKernel", self._function, *sizes, _HANDLE(stream.handle), addresses, None)
