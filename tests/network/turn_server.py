"""A real TURN server, coturn, as a process of our own on loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["TurnServer", "turn_server"]

_CONFIGURATION = """\
listening-ip=127.0.0.1
relay-ip=127.0.0.1
listening-port={port}
min-port={first}
max-port={last}
realm=stream-guard.test
lt-cred-mech
user={user}:{password}
allow-loopback-peers
no-cli
no-tls
no-dtls
userdb={folder}/turn.db
pidfile={folder}/turn.pid
log-file=stdout
simple-log
verbose
"""


@dataclass(frozen=True)
class TurnServer:
    """Where it listens, who may use it, and which ports it gives out."""

    port: int
    ports: range
    log: Path
    user: str = "guard"
    password: str = "planted-turn-password"

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"


@asynccontextmanager
async def turn_server(folder: Path) -> AsyncIterator[TurnServer]:
    """Run coturn; skips the test where it is not installed, and fails it under CI."""
    program = shutil.which("turnserver")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("turnserver (Debian: coturn) is not installed")
        pytest.skip("turnserver (Debian: coturn) is not installed")
    port = _free_port()
    server = TurnServer(port, range(port + 1, port + 40), folder / "turn.log")
    file = folder / "turn.conf"
    file.write_text(
        _CONFIGURATION.format(
            port=port, first=server.ports[0], last=server.ports[-1], folder=folder, **_account(server)
        )
    )
    with server.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(file), stdout=log, stderr=log, cwd=folder, stdin=asyncio.subprocess.DEVNULL
        )
    try:
        await _listening(process, server)
        yield server
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _account(server: TurnServer) -> dict[str, str]:
    return {"user": server.user, "password": server.password}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(int(probe.getsockname()[1]), 65_000)


async def _listening(process: asyncio.subprocess.Process, server: TurnServer) -> None:
    async with asyncio.timeout(15):
        while True:
            assert process.returncode is None, server.log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
