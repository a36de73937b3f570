"""The server as its users start it: a process of its own, all it says kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["LIMIT_S", "Command", "served"]

LIMIT_S = 15.0
"""How long a server may take to end. Its own three seconds are more than a machine with other work can promise."""

_PROGRAM = f"from stream_guard.cli import ending, main; ending.LIMIT_S = {LIMIT_S}; main()"


@dataclass
class Command:
    """A running server.

    Attributes:
        port: it listens on.
        pid: of its process.
        output: what it has said so far, on both streams.
        code: its exit code, once it has ended.
    """

    port: int = 0
    pid: int = 0
    output: bytearray = field(default_factory=bytearray)
    code: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(*arguments: str, before: Sequence[str] = ()) -> AsyncIterator[Command]:
    """Run ``stream-guard serve`` and end it as a service manager does, by SIGTERM.

    Args:
        arguments: of the command.
        before: another command to run it by, such as a tracer.
    """
    process = await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-c", _PROGRAM),
        *("serve", "--port", "0", *arguments),
        # Under CI some libraries hold back what they would report elsewhere.
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    stdout = process.stdout
    assert stdout is not None
    command = Command(pid=process.pid)
    listening = asyncio.Event()

    async def listen() -> None:
        while chunk := await stdout.read(65_536):
            command.output += chunk
            found = re.search(rb"127\.0\.0\.1:(\d+)/whip", command.output)
            if found:
                command.port = int(found[1])
                listening.set()
        listening.set()

    reading = asyncio.create_task(listen())
    try:
        await listening.wait()
        assert command.port, command.output.decode()
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), LIMIT_S + 5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await reading
        command.code = process.returncode
