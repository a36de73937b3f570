"""Everybody who listens on ``/ws``: each client has its own outbox, so a slow one slows nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from starlette.websockets import WebSocket

from stream_guard.clock import NS_PER_S, Clock
from stream_guard.errors import ProtocolError
from stream_guard.protocol.codec import decode_client, encode
from stream_guard.protocol.messages import Hello, ServerMessage, Session
from stream_guard.server.outbox import Outbox
from stream_guard.server.tokens import SUBPROTOCOL

__all__ = ["Hub"]

_FULL = 1013  # "try again later", RFC 6455 section 7.4 and its registry
_POLICY = 1008
_GOING_AWAY = 1001

_WISHES = 20
"""Messages a client may send in ten seconds. Wishes change when a person changes them."""


class _Client:
    """One listener: its outbox, the flag that wakes its sender, and why it must go."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.outbox = Outbox()
        self.wake = asyncio.Event()
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def cut_off(self, code: int, reason: str) -> None:
        if not self.end.done():
            self.end.set_result((code, reason))


class Hub:
    """Takes messages in and gets them to every client that wants them."""

    def __init__(self, hello: Hello, *, clock: Clock, max_clients: int = 64, send_limit_s: float = 20.0) -> None:
        """Open the hub.

        Args:
            hello: the first message for every client.
            clock: for rate limits.
            max_clients: further ones are told to come back later.
            send_limit_s: a client that takes nothing for this long, in seconds, loses its place.
        """
        self._hello = encode(hello)
        self._clock = clock
        self._max_clients = max_clients
        self._send_limit_s = send_limit_s
        self._clients: set[_Client] = set()
        self._sessions: dict[str, Session] = {}
        self._closed = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    def greet_with(self, hello: Hello) -> None:
        """Say this to clients that come from now on."""
        self._hello = encode(hello)

    def publish(self, message: ServerMessage) -> None:
        """Hand a message to every outbox. Encoded once; returns at once."""
        if isinstance(message, Session):
            self._remember(message)
        if not self._clients:
            return
        text = encode(message)
        now_ns = self._clock.now_ns()
        for client in self._clients:
            client.outbox.offer(message, text, now_ns)
            client.wake.set()
            if client.outbox.overflowed is not None:
                client.cut_off(_POLICY, client.outbox.overflowed)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it goes, is cut off, or the hub closes."""
        wanted = websocket.scope.get("subprotocols", ())
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in wanted else None)
        if self._closed or len(self._clients) >= self._max_clients:
            await websocket.close(_FULL, "no room for another client; try again later")
            return
        client = _Client(websocket)
        self._clients.add(client)
        jobs = [
            asyncio.create_task(self._listen(client), name="websocket in"),
            asyncio.create_task(self._send(client), name="websocket out"),
        ]
        try:
            first: list[asyncio.Future[Any]] = [*jobs, client.end]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if client.end.done():
                # A client that does not read cannot be said goodbye to.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await websocket.close(*client.end.result())
        finally:
            self._clients.discard(client)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def flush(self, *, within_s: float) -> None:
        """Wait until every client that reads has been handed what waits for it, so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not all(client.outbox.empty for client in self._clients):  # noqa: ASYNC110 - a few steps
                    await asyncio.sleep(0.005)

    def close(self) -> None:
        """Say goodbye to every client."""
        self._closed = True
        for client in self._clients:
            client.cut_off(_GOING_AWAY, "the server is closing")

    async def _listen(self, client: _Client) -> None:
        """Take the client's wishes until it goes; nonsense ends it, and so does haste."""
        lately: deque[int] = deque(maxlen=_WISHES)
        while True:
            message = await client.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            now_ns = self._clock.now_ns()
            if len(lately) == _WISHES and now_ns - lately[0] < 10 * NS_PER_S:
                client.cut_off(_POLICY, f"too many messages: {_WISHES} in ten seconds are enough")
                return
            lately.append(now_ns)
            try:
                client.outbox.subscribe(decode_client(message.get("text") or b""))
            except ProtocolError as error:
                client.cut_off(_POLICY, str(error)[:120])  # a close frame holds 123 bytes
                return

    async def _send(self, client: _Client) -> None:
        """Say hello and what is running, then empty the outbox whenever something may go."""
        outbox = client.outbox
        await self._deliver(client, self._hello)
        for session in tuple(self._sessions.values()):
            await self._deliver(client, encode(session))
        while True:
            for text in outbox.take(self._clock.now_ns()):
                await self._deliver(client, text)
            wait_s = None
            if outbox.due_ns is not None:
                # Held back by the rate limit, not forgotten.
                wait_s = max(0.0, (outbox.due_ns - self._clock.now_ns()) / NS_PER_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await client.wake.wait()
            client.wake.clear()

    async def _deliver(self, client: _Client, text: str) -> None:
        """Send one message. A client that does not read would never be noticed: pings wait behind it, too."""
        try:
            async with asyncio.timeout(self._send_limit_s):
                await client.websocket.send_text(text)
        except TimeoutError:
            client.cut_off(_POLICY, f"too slow: nothing was read for {self._send_limit_s:g} s")
            raise

    def _remember(self, message: Session) -> None:
        """Keep what a client that comes later must know."""
        if message.state == "ended":
            self._sessions.pop(message.session, None)
        else:
            self._sessions[message.session] = message
