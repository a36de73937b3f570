"""What the hostile tests share: a server without a pipeline, and raw connections to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stream_guard.clock import MonotonicClock
from stream_guard.protocol.messages import Hello, ModelReport
from stream_guard.server.hub import Hub
from stream_guard.server.listener import listen
from stream_guard.server.site import build_site
from stream_guard.server.tokens import Keyring
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from tests.loopback.conftest import nothing_left

__all__ = ["HANDSHAKE", "HELLO", "nothing_left", "request_head", "site", "until_closed"]

HELLO = Hello(
    server="stream-guard test",
    engine="scripted",
    device="cpu",
    model=ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48),
    budget_ms=33,
)

HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@asynccontextmanager
async def site(
    *, tokens: Keyring | None = None, whip: dict[str, Any] | None = None, **listening: Any
) -> AsyncIterator[tuple[Hub, int]]:
    """Serve all but the pipeline; yields the hub and the port."""
    numbers = iter(range(1, 10_000))

    async def start(source: Source) -> str:
        return f"c{next(numbers)}"

    hub = Hub(HELLO, clock=MonotonicClock())
    endpoint = WhipEndpoint(start, loopback_only=True, **(whip or {}))
    app = build_site(hub, endpoint.routes, host="127.0.0.1", tokens=tokens)
    try:
        async with listen(app, host="127.0.0.1", port=0, **listening) as port:
            try:
                yield hub, port
            finally:
                hub.close()
    finally:
        await endpoint.close()


def request_head(port: int, line: str = "GET /pages/icon.svg", extra: str = "") -> bytes:
    """Return the head of a request that the gate lets in."""
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{extra}\r\n".encode()


async def until_closed(reader: asyncio.StreamReader, limit_s: float = 5) -> bytes:
    """Read until the server hangs up; fails where it does not."""
    read = bytearray()
    async with asyncio.timeout(limit_s):
        with contextlib.suppress(ConnectionResetError):
            while chunk := await reader.read(65_536):
                read += chunk
    return bytes(read)
