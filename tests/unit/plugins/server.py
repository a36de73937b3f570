"""A server that says what a test tells it to, in a thread of its own: what it talks to may block."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from stream_guard.protocol.messages import Hello, ModelReport, Subscribe

HELLO = Hello(
    server="stream-guard 0.1.0",
    engine="onnxruntime",
    device="cpu",
    model=ModelReport(name="default", version="0.1.0", status="preview", sha256="0" * 64, min_face_px=56),
    budget_ms=33,
).model_dump_json()


class Server:
    """A websocket server.

    Attributes:
        port: where it listens, on 127.0.0.1; the same again after a pause.
        wishes: what clients asked for.
        headers: ``Host`` and ``Authorization`` of every handshake.
        goodbye: closing code and reason to answer a client with; None keeps it.
        status: what refuses the handshake; None lets it through.
    """

    def __init__(self) -> None:
        self.port = 0
        self.wishes: list[Subscribe] = []
        self.headers: list[tuple[str | None, str | None]] = []
        self.goodbye: tuple[int, str] | None = None
        self.status: HTTPStatus | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: set[ServerConnection] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""
        loop, ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

        async def run() -> None:
            async with serve(self._talk, "127.0.0.1", self.port, process_request=self._look) as server:
                self.port = next(iter(server.sockets)).getsockname()[1]
                ready.set()
                await end.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
        thread.start()
        assert ready.wait(10)
        self._loop = loop
        try:
            yield
        finally:
            self._loop = None
            loop.call_soon_threadsafe(end.set)
            thread.join(10)
            loop.close()

    def say(self, *messages: dict[str, Any]) -> None:
        """Send messages to everybody who is connected."""
        assert self._loop is not None
        for message in messages:
            self._loop.call_soon_threadsafe(broadcast, self._clients, json.dumps(message))

    def _look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.headers.append((request.headers.get("Host"), request.headers.get("Authorization")))
        return connection.respond(self.status or HTTPStatus.NOT_FOUND, "no") if self._refuses(request) else None

    def _refuses(self, request: Request) -> bool:
        return self.status is not None or request.path != "/ws"

    async def _talk(self, client: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await client.send(HELLO)
            self.wishes.append(Subscribe.model_validate_json(await client.recv()))
            # In three fragments, a ping after them, as a proxy may send it.
            text = '{"type": "session", "session": "c1", "state": "live"}'
            await client.send(iter([text[:10], text[10:30], text[30:]]))
            await (await client.ping())
        if self.goodbye is not None:
            await client.close(*self.goodbye)
        self._clients.add(client)
        await client.wait_closed()
        self._clients.discard(client)


def make_scores(*states: str, session: str = "c1", age_ms: float = 40.0) -> dict[str, Any]:
    """Return a ``scores`` message with one face for each state."""
    judged = {"authentic": 0.93, "suspicious": 0.4, "synthetic": 0.04}
    faces = [
        {
            "id": number,
            "box": [0.1 * number, 0.2, 0.1, 0.2],
            "authenticity": judged.get(state),
            "interval": [judged[state] - 0.03, judged[state] + 0.03] if state in judged else None,
            "state": state,
            "reasons": [] if state in judged else ["face_too_small"],
        }
        for number, state in enumerate(states, start=1)
    ]
    return {"type": "scores", "v": 1, "session": session, "age_ms": age_ms, "faces": faces}
