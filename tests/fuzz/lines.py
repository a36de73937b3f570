"""Which lines of a module an input reaches, and how many steps it takes: counted, not timed."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

__all__ = ["Steps", "executable", "traced"]


class Steps:
    """What was seen while tracing.

    Attributes:
        count: lines executed, each time they were, in Python code of any module.
        reached: (file, line) of the modules that are watched.
    """

    def __init__(self) -> None:
        self.count = 0
        self.reached: set[tuple[str, int]] = set()


@contextmanager
def traced(modules: Iterable[str]) -> Iterator[Steps]:
    """Trace the block, in this thread and those it starts. A tracer that was there before is put back."""
    files = {importlib.import_module(name).__file__ for name in modules}
    steps = Steps()

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            steps.count += 1
            if frame.f_code.co_filename in files:
                steps.reached.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def calls(frame: FrameType, event: str, argument: Any) -> Any:
        return local

    before = sys.gettrace()
    sys.settrace(calls)
    threading.settrace(calls)
    try:
        yield steps
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]  # None ends it


def executable(modules: Iterable[str]) -> set[tuple[str, int]]:
    """Return the (file, line) of everything inside the modules' functions."""
    found: set[tuple[str, int]] = set()
    for name in modules:
        file = importlib.import_module(name).__file__ or ""
        with open(file, encoding="utf-8") as source:
            code = compile(source.read(), file, "exec")
        found |= {(file, line) for function in _functions(code) for line in _lines(function)}
    return found


def _functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            # The body of a class runs at import, as the module's own does.
            if constant.co_flags & inspect.CO_OPTIMIZED:
                yield constant
            yield from _functions(constant)


def _lines(code: CodeType) -> set[int]:
    lines = {line for _, _, line in code.co_lines() if line is not None}
    return lines - {code.co_firstlineno}
