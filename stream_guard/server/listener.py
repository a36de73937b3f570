"""uvicorn inside our own event loop: it binds first, tells the port, and ends when asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_guard.errors import ConfigError

__all__ = ["listen"]

_MAX_MESSAGE = 16 * 1024
"""Largest websocket message a client may send, in bytes; ours to it have no such limit."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def listen(site: ASGIApp, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve a site while the context lasts.

    Args:
        site: the ASGI application.
        host: address to bind.
        port: 0 picks a free one.

    Yields:
        The port that is bound.

    Raises:
        ConfigError: the address cannot be bound.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    server = _Server(
        uvicorn.Config(
            _ending_quietly(site),
            ws="websockets-sansio",
            ws_max_size=_MAX_MESSAGE,
            ws_per_message_deflate=False,  # the way is short; packing would cost more than it saves
            lifespan="off",
            access_log=False,  # query strings may hold the token
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve([bound]), name="http server")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        if serving.done():
            serving.result()
        yield int(bound.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        # uvicorn cancels what outlasts its grace, but neither waits for it nor hangs up on who does not read.
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
        for connection in tuple(server.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        bound.close()


def _ending_quietly(site: ASGIApp) -> ASGIApp:
    """Answer 503 to a request that is cut off by the end of the server; uvicorn would log a trace for each."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await site(scope, receive, noting)
        except asyncio.CancelledError:
            if scope["type"] == "http" and not begun:
                closing = PlainTextResponse("the server is closing\n", 503, {"Connection": "close"})
                await closing(scope, receive, send)

    return wrapped
