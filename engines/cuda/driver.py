"""The few functions of the CUDA driver that PyCUDA does not offer, or that are asked before it is loaded.

Called in ``libcuda`` itself, by the names of the CUDA Driver API Reference: sections "Initialization", "Device
Management", "Stream Management" and "Graph Management".
"""

from __future__ import annotations

import ctypes
import sys

from stream_guard.errors import EngineError, EngineUnavailable

__all__ = ["begin_capture", "destroy_executable", "end_capture", "launch", "visible_gpus"]

_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do meanwhile does not spoil the capture."""

_loaded: ctypes.CDLL | None = None


def visible_gpus() -> int:
    """Return how many GPUs the driver shows; 0 where there is no driver. Takes milliseconds where there is none."""
    count = ctypes.c_int()
    try:
        _call("cuInit", ctypes.c_uint(0))
        _call("cuDeviceGetCount", ctypes.byref(count))
    except EngineError:
        return 0
    return count.value


def begin_capture(stream: int) -> None:
    """From here on, what is put on the stream is noted down and not run.

    Args:
        stream: a CUstream, not the default one.

    Raises:
        EngineError: the driver refuses.
    """
    _call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), ctypes.c_int(_THREAD_LOCAL))


def end_capture(stream: int, *, keep: bool = True) -> int:
    """End the capture and return what was noted as a CUgraphExec; 0 where it is not wanted.

    Args:
        stream: the one that `begin_capture` was called with.
        keep: False throws it away, for a capture that failed.

    Raises:
        EngineError: something was done that cannot be captured, such as an allocation.
    """
    graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
    try:
        _call("cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        if keep:
            _call("cuGraphInstantiateWithFlags", ctypes.byref(executable), graph, ctypes.c_ulonglong(0))
    finally:
        if graph.value:
            _call("cuGraphDestroy", graph)
    return executable.value or 0


def launch(executable: int, stream: int) -> None:
    """Run a graph once, after what is on the stream already.

    Raises:
        EngineError: the driver refuses.
    """
    _call("cuGraphLaunch", ctypes.c_void_p(executable), ctypes.c_void_p(stream))


def destroy_executable(executable: int) -> None:
    """Free what `end_capture` returned.

    Raises:
        EngineError: the driver refuses.
    """
    _call("cuGraphExecDestroy", ctypes.c_void_p(executable))


def _call(name: str, *arguments: object) -> None:
    library = _library()
    code = getattr(library, name)(*arguments)
    if code:
        told = ctypes.c_char_p()
        library.cuGetErrorString(code, ctypes.byref(told))
        raise EngineError(f"{name} failed: {told.value.decode() if told.value else f'CUDA error {code}'}")


def _library() -> ctypes.CDLL:
    global _loaded
    if _loaded is None:
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        try:
            _loaded = ctypes.CDLL(name)
        except OSError as error:
            raise EngineUnavailable(f"there is no NVIDIA driver: {error}") from error
    return _loaded
