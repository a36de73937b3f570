"""Processes of a benchmark: they speak JSON lines, each an event, and end when their standard input does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from stream_guard.errors import StreamGuardError

__all__ = ["ask", "line", "main", "running", "tell"]

_START_LIMIT_S = 120.0
_END_LIMIT_S = 60.0
_LINE_LIMIT = 1 << 28
"""Bytes of one JSON line: a process tells all it saw in one."""


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module in a process of its own, and make sure that it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def ask(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """End a process's input, upon which it tells what it saw.

    Raises:
        StreamGuardError: as `line`.
    """
    assert process.stdin is not None
    process.stdin.close()
    return await line(process, event, within_s=_END_LIMIT_S)


async def line(
    process: asyncio.subprocess.Process, event: str, *, within_s: float = _START_LIMIT_S
) -> dict[str, Any]:
    """Return the next thing that a process says, which is to be this event.

    Raises:
        StreamGuardError: it says something else, or nothing, or has ended.
    """
    assert process.stdout is not None
    try:
        async with asyncio.timeout(within_s):
            told = await process.stdout.readline()
    except TimeoutError:
        raise StreamGuardError(f"a process of the benchmark said nothing for {within_s:.0f} s") from None
    if not told:
        raise StreamGuardError("a process of the benchmark ended too early; what it said stands above")
    fact: dict[str, Any] = json.loads(told)
    if fact["event"] != event:
        raise StreamGuardError(f"a process of the benchmark said {fact['event']!r} and not {event!r}")
    return fact


def tell(**fact: object) -> None:
    """In such a process: say something; ``event`` names it."""
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def main(work: Coroutine[Any, Any, None], name: str) -> None:
    """Be such a process: do the work, and say in one line why where it fails."""
    try:
        asyncio.run(work)
    except StreamGuardError as error:
        sys.exit(f"the {name} failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
