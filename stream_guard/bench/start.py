"""Cold start: from starting ``serve`` as a process to the first score that a client has, and what imports take.

Sender and client are ready before: the sender's pictures are encoded, its process has loaded everything, and it
knocks until somebody listens. What is cold is the server's process; its files are in the system's cache, as after
any first start.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stream_guard import client
from stream_guard.bench.children import line, running
from stream_guard.bench.listening import listening
from stream_guard.bench.sender import Plan
from stream_guard.clock import NS_PER_S, MonotonicClock
from stream_guard.errors import StreamGuardError

__all__ = ["Start", "import_ms", "start"]

_CLOCK = MonotonicClock()
_PATIENCE_S = 60.0
_END_S = 20.0
_LAST_WORDS = 300
"""Characters of what a server that failed has printed."""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds since the server's process was started.

    Attributes:
        listening: until its port took connections.
        connected: until the caller's media flowed.
        first_score: until a websocket client had the first score of a face.
    """

    listening: float
    connected: float
    first_score: float


async def start(packets: Path, plan: Plan, *, arguments: tuple[str, ...] = ()) -> Start:
    """Start a server once and end it.

    Args:
        packets: what the caller sends, a file of `stream_guard.bench.clip.save`.
        plan: how.
        arguments: further ones of ``serve``.

    Raises:
        StreamGuardError: the server ends or nothing is scored; what it said stands in the message.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    sends = "stream_guard.bench.sender", f"{url}/whip", str(packets), plan.as_json(), "--wait"
    async with running(*sends) as sender:
        await line(sender, "waiting")
        began_ns = _CLOCK.now_ns()
        async with _serving(port, arguments) as (server, printed):
            score = asyncio.create_task(_first_score(url), name="bench client")
            ended = asyncio.create_task(server.wait(), name="bench server")
            try:
                await asyncio.wait([score, ended], return_when=asyncio.FIRST_COMPLETED, timeout=_PATIENCE_S)
                if not score.done():
                    if server.returncode is None:
                        server.terminate()
                    said = " ".join((await printed).decode(errors="replace").split())[-_LAST_WORDS:]
                    raise StreamGuardError(f"nothing was scored within {_PATIENCE_S:.0f} s: {said}")
                listening_ns, scored_ns = score.result()
                connected_ns = int((await line(sender, "session"))["at_ns"])
            finally:
                for task in (score, ended):
                    task.cancel()
                await asyncio.gather(score, ended, return_exceptions=True)
    return Start(*((at_ns - began_ns) / NS_PER_S for at_ns in (listening_ns, connected_ns, scored_ns)))


def import_ms(module: str, *, times: int) -> list[float]:
    """Return what importing a module takes in fresh processes, in milliseconds of wall time.

    Args:
        module: its name.
        times: how many processes.

    Raises:
        StreamGuardError: it cannot be imported.
    """
    code = "import sys, time; t = time.perf_counter(); __import__(sys.argv[1]); print(time.perf_counter() - t)"
    took = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", code, module], capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
        if done.returncode:
            raise StreamGuardError(f"{module} cannot be imported: {done.stderr.strip().splitlines()[-1:]}")
        took.append(float(done.stdout) * 1000)
    return took


async def _first_score(url: str) -> tuple[int, int]:
    """Return when the server began to listen, and when a face's first score was there."""
    await listening(url, within_s=_PATIENCE_S)
    listening_ns = _CLOCK.now_ns()
    async with aclosing(client.scores(url, reconnect=False)) as scores:
        async for message in scores:
            if any(face.frame_score is not None for face in message.faces):
                return listening_ns, _CLOCK.now_ns()
    raise StreamGuardError("the server hung up before it had scored a face")


@asynccontextmanager
async def _serving(port: int, arguments: tuple[str, ...]) -> AsyncIterator[tuple[Process, asyncio.Task[bytes]]]:
    """Run ``serve`` as a user does; yields the process and what it has printed when it ends."""
    command = [sys.executable, "-c", "from stream_guard.cli import main; main()", "serve", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    printed = asyncio.create_task(process.stdout.read(), name="bench server's words")
    try:
        yield process, printed
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        await printed


def _free_port() -> int:
    """Return a port that was free a moment ago: the sender must know it before the server is there."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])
