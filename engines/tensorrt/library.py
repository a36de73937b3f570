"""The one place that imports ``tensorrt`` or ``tensorrt_rtx``.

They are two packages with one API: TensorRT for data centres, tuned on the GPU it will run on, and TensorRT for
RTX, which builds without a GPU and finishes its kernels on the user's. Whichever is there is used.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal

from stream_guard.errors import EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["Flavour", "Library", "listener", "load_library", "said"]

_log = logging.getLogger(__name__)

Flavour = Literal["tensorrt", "tensorrt_rtx"]

_FLAVOURS: tuple[Flavour, ...] = ("tensorrt", "tensorrt_rtx")
"""In this order: where both are installed, somebody installed the one that is tuned on the GPU on purpose."""

_OLDEST = {"tensorrt": (10, 1), "tensorrt_rtx": (1, 2)}
"""The first whose context takes our memory with its size; the first that can be captured in a CUDA graph."""

_CUDA_MAJORS = (14, 13, 12)
_KEPT_ERRORS = 8
_VERBOSE, _WARNING, _ERROR = 4, 2, 1
"""Severities as TensorRT numbers them; an internal error is 0."""

_WHERE = re.compile(r"\s*[(.]?\s*In \w+ at /\S+")


@dataclass(frozen=True, slots=True)
class Library:
    """TensorRT as it was found.

    Attributes:
        module: ``tensorrt`` or ``tensorrt_rtx``.
        flavour: which of the two.
        version: its own.
        cuda_major: the CUDA that its package was made for, 12 or 13; 0 where it does not say.
    """

    module: Any
    flavour: Flavour
    version: str
    cuda_major: int = 0

    @property
    def portable(self) -> bool:
        """Whether it builds for GPUs that are not here."""
        return self.flavour == "tensorrt_rtx"

    @property
    def title(self) -> str:
        """Name and version for people."""
        return f"{'TensorRT-RTX' if self.portable else 'TensorRT'} {self.version}"


def load_library(flavours: Sequence[Flavour] = _FLAVOURS) -> Library:
    """Import TensorRT and return it. Needs no GPU.

    Args:
        flavours: which may be taken, the first that loads is.

    Raises:
        EngineUnavailable: none is installed, or none that is loads; the message says which and why.
    """
    reasons = []
    for flavour in flavours:
        if find_spec(flavour) is None:
            continue
        try:
            module = import_module(flavour)
            own = str(module.__version__)
        except Exception as error:  # a wheel without its libraries, or for another CUDA or glibc
            reasons.append(f"{flavour} is installed but does not load: {one_line(error)}")
            continue
        numbers = tuple(int(part) for part in re.findall(r"\d+", own)[:2])
        if numbers < _OLDEST[flavour]:
            reasons.append(f"{flavour} {own} is too old: {'.'.join(map(str, _OLDEST[flavour]))} is needed")
            continue
        return Library(module, flavour, own, _cuda_major(flavour))
    if reasons:
        raise EngineUnavailable("; ".join(reasons))
    raise EngineUnavailable(f"{' or '.join(flavours)} is not installed: pip install 'stream-guard[gpu]'")


def listener(library: Library, *, keep_notes: bool = False) -> Any:
    """Return a TensorRT logger that keeps errors in its list ``errors`` and passes warnings to ours.

    Args:
        library: from `load_library`.
        keep_notes: also keep what is logged for debugging, in ``notes``: the built engine's description is there.
    """
    base: Any = library.module.ILogger

    class Listener(base):  # type: ignore[misc]  # a class that is known only once the library is loaded
        def __init__(self) -> None:
            base.__init__(self)
            self.errors: list[str] = []
            self.notes: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            level = int(severity)
            if level <= _ERROR:
                if len(self.errors) < _KEPT_ERRORS:  # the first says what is wrong, the rest follows from it
                    self.errors.append(message)
            elif level <= _WARNING:
                _log.debug("%s: %s", library.flavour, message)
            elif keep_notes and level == _VERBOSE:
                self.notes.append(message)

    return Listener()


def said(listener: Any, otherwise: str) -> str:
    """Return the first error a listener heard as one line, without the names of TensorRT's source files.

    Args:
        listener: from `listener`.
        otherwise: what to say where it heard none.
    """
    if not listener.errors:
        return otherwise
    lines = [line.strip() for line in listener.errors[0].splitlines() if line.strip()]
    return _WHERE.sub("", lines[0] if lines else otherwise)


def _cuda_major(flavour: Flavour) -> int:
    """Return the CUDA in the installed package's name, such as ``tensorrt_rtx_cu13``."""
    for major in _CUDA_MAJORS:
        try:
            version(f"{flavour}_cu{major}")
        except PackageNotFoundError:
            continue
        return major
    return 0
