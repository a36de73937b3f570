"""Compile the kernel to the PTX that ships: ``python -m engines.cuda.compile``.

Needs NVIDIA's run-time compiler (``pip install nvidia-cuda-nvrtc-cu12==12.0.140``), but no GPU and no driver. An
old version on purpose: a driver reads the PTX of its own CUDA version and of older ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

__all__ = ["OPTIONS", "PTX", "compile_kernel", "source_digest"]

_HERE = Path(__file__).parent
_SOURCES = ("crop.cu", "crop.h")
PTX = _HERE / "crop.ptx"
"""What ships."""

OPTIONS = ("--gpu-architecture=compute_75", "--std=c++14")
"""Turing's virtual architecture: every later GPU takes it too."""


def source_digest() -> str:
    """Return the sha256 of the kernel's sources and of how they are compiled, as the PTX's first line names it."""
    digest = hashlib.sha256(" ".join(OPTIONS).encode())
    for name in _SOURCES:
        digest.update((_HERE / name).read_bytes())
    return digest.hexdigest()


def compile_kernel() -> str:
    """Return the PTX of the sources as they are now.

    Raises:
        OSError: NVRTC is not installed, or does not load.
        ValueError: the sources do not compile; holds the compiler's words.
    """
    nvrtc = _load_nvrtc()
    main, header = ((_HERE / name).read_bytes() for name in _SOURCES)
    program = ctypes.c_void_p()
    texts, names = (ctypes.c_char_p * 1)(header), (ctypes.c_char_p * 1)(b"crop.h")
    _check(nvrtc, nvrtc.nvrtcCreateProgram(ctypes.byref(program), main, b"crop.cu", 1, texts, names))
    try:
        options = (ctypes.c_char_p * len(OPTIONS))(*(option.encode() for option in OPTIONS))
        with _own_locale():
            failed = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), options)
        if failed:
            raise ValueError(_text(nvrtc, "nvrtcGetProgramLog", program))
        return f"// sources: {source_digest()}\n" + _text(nvrtc, "nvrtcGetPTX", program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


@contextlib.contextmanager
def _own_locale() -> Iterator[None]:
    """Keep this thread's locale: NVRTC 12.0 leaves it at C, and then text is ASCII to Python."""
    libc = ctypes.CDLL(None)
    libc.uselocale.restype, libc.uselocale.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = libc.uselocale(None)
    try:
        yield
    finally:
        libc.uselocale(before)


def _load_nvrtc() -> ctypes.CDLL:
    """Load the library from NVIDIA's wheel."""
    found = find_spec("nvidia.cuda_nvrtc") if find_spec("nvidia") else None
    for folder in (found.submodule_search_locations or []) if found else []:
        for path in sorted((Path(folder) / "lib").glob("libnvrtc.so.12")):
            return ctypes.CDLL(str(path))
    raise OSError("NVRTC is not installed: pip install nvidia-cuda-nvrtc-cu12==12.0.140")


def _text(nvrtc: ctypes.CDLL, getter: str, program: ctypes.c_void_p) -> str:
    """Return the PTX or the log of a program."""
    size = ctypes.c_size_t()
    _check(nvrtc, getattr(nvrtc, f"{getter}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check(nvrtc, getattr(nvrtc, getter)(program, text))
    return text.value.decode()


def _check(nvrtc: ctypes.CDLL, code: int) -> None:
    if code:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise ValueError(f"NVRTC: {nvrtc.nvrtcGetErrorString(code).decode()}")


if __name__ == "__main__":
    PTX.write_text(compile_kernel())
    sys.stdout.write(f"{PTX.name}: {PTX.stat().st_size} bytes\n")
