"""uvicorn inside our own event loop: it binds first, tells the port, and ends when asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_guard.errors import ConfigError
from stream_guard.server.connections import HttpConnection, Limits, WebSocketConnection

__all__ = ["listen"]

_HANDSHAKE_LIMIT_S = 5.0
"""How long TLS may take to begin; asyncio's own minute is long enough to use up all file handles."""

_MAX_MESSAGE = 16 * 1024
"""Largest websocket message a client may send, in bytes; ours to it have no such limit."""


class _Server(uvicorn.Server):
    """A server with our connections, which leaves the signals to whoever runs the loop."""

    def __init__(self, config: uvicorn.Config, limits: Limits) -> None:
        super().__init__(config)
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. uvicorn's own has no setting for how long TLS may take to begin."""
        connect = partial(
            HttpConnection, config=self.config, server_state=self.server_state, app_state={}, limits=self._limits
        )
        secure = self.config.ssl
        limit_s = _HANDSHAKE_LIMIT_S if secure is not None else None
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(connect, sock=bound, ssl=secure, ssl_handshake_timeout=limit_s)
            for bound in sockets or ()
        ]
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def listen(
    site: ASGIApp,
    *,
    host: str,
    port: int,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[int]:
    """Serve a site while the context lasts.

    Args:
        site: the ASGI application.
        host: address to bind.
        port: 0 picks a free one.
        tls_cert: PEM file with the certificate and its chain; with it https and wss are served, else http and ws.
        tls_key: PEM file with its key, where that is not in the same file.
        limits: what clients may use.

    Yields:
        The port that is bound.

    Raises:
        ConfigError: the address cannot be bound, or the certificate or its key cannot be used.
    """
    secure = await asyncio.to_thread(_tls, tls_cert, tls_key) if tls_cert is not None else None
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    server = _Server(
        uvicorn.Config(
            _ending_quietly(site),
            ws=WebSocketConnection,
            ws_max_size=_MAX_MESSAGE,
            ws_per_message_deflate=False,  # the way is short; packing would cost more than it saves
            lifespan="off",
            access_log=False,  # query strings may hold the token
            log_config=None,
            log_level="error",  # a line for each request that is none would let clients fill the disk
            server_header=False,
            timeout_graceful_shutdown=2,
            ssl_context_factory=None if secure is None else lambda config, default: secure,
        ),
        limits or Limits(),
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


def _tls(cert: Path, key: Path | None) -> ssl.SSLContext:
    """Return the context of a server with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password given, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert, key, password=lambda: "")
    except FileNotFoundError as error:
        missing = key if key is not None and cert.exists() else cert
        raise ConfigError(f"there is no file {missing}") from error
    except ssl.SSLError as error:
        detail = (error.reason or "no PEM").replace("_", " ").lower()
        raise ConfigError(
            f"{cert} and its key cannot be used for TLS ({detail}): take PEM files, the key without a password"
        ) from error
    except OSError as error:
        raise ConfigError(f"{cert} or its key cannot be read: {error.strerror or error}") from error
    return context


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
