"""uvicorn's connections, with an end to everything a client could drag out.

uvicorn waits for a request's headers as long as it takes, answers pings as fast as they come, and keeps a
connection that nobody reads until its last byte is out. Each of these is a way to use up a server.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

__all__ = ["HttpConnection", "Limits", "WebSocketConnection"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may use.

    Attributes:
        connections: beyond this many, requests are answered 503; beyond an eighth more, connections are cut.
        per_client: connections of one address; further ones are cut. None is no limit but the other.
        request_s: how long the headers of a request may take to come, in seconds.
        unread_s: how long a client may leave unread what was sent to it, in seconds.
    """

    connections: int = 256
    per_client: int | None = None
    request_s: float = 10.0
    unread_s: float = 30.0


class HttpConnection(H11Protocol):
    """One HTTP connection that must get on with it."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self.limit_concurrency = limits.connections
        self._waiting: TimerHandle | None = None
        self._unread: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a client in, if there is room; its first request must come soon."""
        super().connection_made(transport)
        if self._has_room():
            self._watch()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on."""
        self._stop_timers()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """Take note that the client does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note that it does again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def _has_room(self) -> bool:
        limits = self._limits
        if len(self.connections) > limits.connections + limits.connections // 8:
            return False
        if limits.per_client is None or self.client is None:
            return True
        theirs = [getattr(other, "client", None) or ("",) for other in self.connections]
        return sum(1 for client in theirs if client[0] == self.client[0]) <= limits.per_client

    def _watch(self) -> None:
        """Have the time run while no request is being answered. Bytes that trickle in do not set it back."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.get_protocol() is not self:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self._limits.request_s, self._give_up)

    def _give_up(self) -> None:
        """End a connection whose request does not come; say why, if nothing was said yet."""
        if self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            text = f"the request took longer than {self._limits.request_s:g} s\n".encode()
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
            )
            self.transport.close()
            self.loop.call_later(1.0, self.transport.abort)
        else:
            self.transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        self._waiting = self._unread = None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One websocket, whose client can make us neither answer nor hold more than is written here."""

    PINGS = 20
    """Pings in ten seconds; browsers send none, libraries one in twenty seconds."""

    FRAGMENTS = 64
    """Frames a message may come in: even empty ones are kept until the last has come."""

    LINGER_S = 12.0
    """How long the closing handshake, and what the client has not read, may outlast the talk, in seconds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pings = 0
        self._pings_since_s = self.loop.time()
        self._lingering: TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)

    def handle_ping(self) -> None:
        """Answer a ping, unless there are too many: nothing holds answers back where nobody reads them."""
        now_s = self.loop.time()
        if now_s - self._pings_since_s > 10.0:
            self._pings, self._pings_since_s = 0, now_s
        self._pings += 1
        if self._pings > self.PINGS:
            self._fail("too many pings")
        elif not self.close_sent:
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """Take a message's next part."""
        if len(self.frames) >= self.FRAGMENTS:
            self._fail(f"a message in more than {self.FRAGMENTS} frames")
        elif not self.close_sent:
            super().handle_cont(event)

    async def run_asgi(self) -> None:
        """Serve the client; when that is over, do not wait for it without end."""
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self._lingering = self.loop.call_later(self.LINGER_S, self.transport.abort)

    def _fail(self, why: str) -> None:
        if self.close_sent:
            return
        self.frames = []
        self.conn.fail(1008, why)
        self.handle_parser_exception()
