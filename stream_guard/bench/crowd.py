"""Overlay clients as they are in real life, beside the one that measures: slow, stalled, and suddenly gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

__all__ = ["crowd"]

_READ_EVERY_S = 1.0
_LIFE_S = 0.5
_STALL_S = 40.0


def crowd(each: int) -> Callable[[str], AbstractAsyncContextManager[None]]:
    """Return what opens so many clients of each kind, for `stream_guard.bench.run.play`.

    Slow ones read one message a second; stalled ones none, and their window is small, so the server's buffers fill;
    vanishing ones are cut off after half a second without a goodbye, and come again.

    Args:
        each: clients of each kind.
    """

    @asynccontextmanager
    async def open_(url: str) -> AsyncIterator[None]:
        kinds: tuple[Callable[[str], Coroutine[Any, Any, None]], ...] = (_slow, _stalled, _vanishing)
        tasks = [
            asyncio.create_task(kind(url), name=f"bench {kind.__name__}") for kind in kinds for _ in range(each)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return open_


async def _slow(url: str) -> None:
    async with _connected(url) as client:
        while True:
            await client.recv()
            await asyncio.sleep(_READ_EVERY_S)


async def _stalled(url: str) -> None:
    while True:  # the server cuts off who reads nothing, and who reads nothing does not hear of it
        with suppress(OSError, WebSocketException):
            async with _connected(url) as client:
                await asyncio.sleep(_STALL_S)
                client.transport.abort()


async def _vanishing(url: str) -> None:
    while True:
        with suppress(OSError, WebSocketException):
            async with _connected(url) as client:
                await asyncio.sleep(_LIFE_S)
                client.transport.abort()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[ClientConnection]:
    """Connect with little room for what is not read."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plug, (host, int(port)))
    async with connect(
        url.replace("http", "ws", 1) + "/ws",
        sock=plug,
        max_queue=1,
        proxy=None,
        ping_interval=None,
        close_timeout=0.2,
    ) as client:
        yield client
