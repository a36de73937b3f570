"""What a websocket client sends: `stream_guard.protocol.codec` and the hub it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.websockets import WebSocket

from stream_guard.protocol.messages import Event, Hello, ModelReport, Session
from stream_guard.scoring.observation import EventKind
from stream_guard.server.hub import Hub
from stream_guard.testing.clock import ManualClock
from tests.fuzz.target import Run, Target

HELLO = Hello(
    server="stream-guard",
    engine="e",
    device="cpu",
    model=ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48),
    budget_ms=33,
)


async def _talk(hub: Hub, data: bytes) -> None:
    """Be a client that says a message a line, as text, or as bytes where it is none; then goes."""
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outgoing: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        outgoing.append(message)

    socket = WebSocket({"type": "websocket", "path": "/ws", "headers": [], "subprotocols": []}, incoming.get, send)
    incoming.put_nowait({"type": "websocket.connect"})
    for line in data.split(b"\n"):
        try:
            message: dict[str, Any] = {"text": line.decode()}
        except UnicodeDecodeError:
            message = {"bytes": line}
        incoming.put_nowait({"type": "websocket.receive", **message})
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    serving = asyncio.ensure_future(hub.serve(socket))
    await asyncio.sleep(0)
    hub.publish(Event(session="c1", t=1.0, kind=EventKind.ALARM_RAISED, face=1))
    await serving
    assert hub.clients == 0
    for message in outgoing:
        if message["type"] == "websocket.close":
            assert message["code"] in {1000, 1008}
            reason = message.get("reason") or ""
            assert len(reason.encode()) <= 123
            assert reason.isprintable()


@contextmanager
def opened() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    hub = Hub(HELLO, clock=ManualClock())
    hub.publish(Session(session="c1", state="live", kind="file", label="x"))
    try:
        yield lambda data: loop.run_until_complete(_talk(hub, data))
    finally:
        loop.close()


TARGET = Target(
    "client",
    opened,
    (
        b'{"type":"subscribe","v":1,"sessions":["c1"],"types":["scores","event"],"max_rate":5}',
        b'{"type":"subscribe","v":1}\n{"type":"subscribe","v":2}',
        b'{"type":"scores"}',
        b'{"type":"subscribe","sessions":null,"types":null,"max_rate":0.001}',
        b'{"type":"subscribe","\\u001b[2J\\n":1}',
    ),
    ("stream_guard.protocol.codec", "stream_guard.server.hub", "stream_guard.server.outbox"),
    (
        b'"max_rate":',
        b"1e-308",
        b"5e-324",
        b"NaN",
        b"Infinity",
        b'"v":1',
        b"[" * 200,
        b'{"a":' * 50,
        b"\\ud800",
        b'"c1"',
    ),
)
