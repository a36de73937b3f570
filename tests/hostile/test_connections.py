"""Clients that drag out what they do, take every place, or never read."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from stream_guard.protocol.messages import Session
from stream_guard.server.connections import Limits, WebSocketConnection
from stream_guard.server.listener import listen
from tests.hostile.conftest import HANDSHAKE, request_head, site, until_closed

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

SOON = Limits(request_s=0.4, unread_s=0.4)


@pytest.mark.parametrize("begun", [b"", b"GET / HT"])
async def test_headers_that_trickle_in_are_not_waited_for(begun: bytes) -> None:
    async with site(limits=SOON) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        answer = asyncio.create_task(until_closed(reader))
        with contextlib.suppress(ConnectionError):
            while not answer.done():
                if begun:
                    writer.write(b"x")
                await asyncio.sleep(0.05)
        assert (await answer).startswith(b"HTTP/1.1 408" if begun else b"")
        writer.close()


async def test_a_second_request_must_come_as_soon_as_the_first() -> None:
    async with site(limits=SOON) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(port))
        assert await reader.readuntil(b"</svg>")
        writer.write(b"GET /heal")
        assert b"200" not in await until_closed(reader)
        writer.close()


async def test_a_body_nobody_wants_keeps_no_connection() -> None:
    async with site(limits=SOON) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(port, "POST /nothing", "Content-Length: 100000\r\n"))
        answer = asyncio.create_task(until_closed(reader))
        with contextlib.suppress(ConnectionError):
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.05)
        assert (await answer).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_beyond_the_limit_requests_are_answered_and_then_connections_are_cut() -> None:
    async with site(limits=Limits(connections=8)) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(7)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(port))
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        await until_closed(reader)
        held += [(reader, writer), *[await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await until_closed(reader) == b""
        for _, open_writer in [*held, (reader, writer)]:
            open_writer.close()
        async with asyncio.timeout(5), httpx.AsyncClient(trust_env=False) as http:
            while (await http.get(f"http://127.0.0.1:{port}/pages/icon.svg")).status_code == 503:
                await asyncio.sleep(0.05)


async def test_one_address_cannot_take_every_place() -> None:
    async with site(limits=Limits(connections=8, per_client=2)) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await until_closed(reader) == b""
        other_reader, other = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        other.write(request_head(port, "GET /pages/icon.svg"))
        assert (await other_reader.readline()).startswith(b"HTTP/1.1 200")
        for open_writer in (writer, other, *(item[1] for item in held)):
            open_writer.close()


async def test_an_answer_nobody_reads_is_not_kept() -> None:
    gone = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(OSError):
            while not gone.is_set():
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
                # Once the connection is gone, uvicorn takes everything and sends nothing.
                if (await asyncio.wait([listening], timeout=0))[0]:
                    gone.set()

    async def heard(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal listening
        listening = asyncio.create_task(heard(receive))
        await endless(scope, receive, send)

    listening: asyncio.Task[None]
    async with listen(app, host="127.0.0.1", port=0, limits=SOON) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request_head(port))
        await asyncio.wait_for(gone.wait(), 10)
        writer.close()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"\x89\x80\0\0\0\0"] * 200, b"too many pings"),
        ([b"\x01\x80\0\0\0\0", *[b"\x00\x80\0\0\0\0"] * 200], b"a message in more than 64 frames"),
    ],
    ids=["pings", "empty fragments"],
)
async def test_frames_that_cost_us_and_not_them_end_the_connection(frames: list[bytes], reason: bytes) -> None:
    async with site() as (hub, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(port, "GET /ws", HANDSHAKE))
        await reader.readuntil(b"\r\n\r\n")
        closed = asyncio.create_task(until_closed(reader))
        for frame in frames:
            writer.write(frame)
            await asyncio.sleep(0.002)  # what comes in one piece is answered in one piece
        read = await closed
        assert struct.pack("!H", 1008) + reason in read
        assert read.count(b"\x8a\x00") < 2 * WebSocketConnection.PINGS
        async with asyncio.timeout(5):
            while hub.clients:
                await asyncio.sleep(0.01)
        writer.close()


async def test_wishes_without_end_are_not_listened_to() -> None:
    async with site() as (_, port), connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                await socket.send('{"type":"subscribe","v":1}')
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
        assert socket.close_code == 1008
        assert "too many messages" in (socket.close_reason or "")


async def test_a_websocket_that_is_never_read_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocketConnection, "LINGER_S", 0.5)
    lost = asyncio.Event()
    of_old = WebSocketConnection.connection_lost

    def connection_lost(self: WebSocketConnection, exc: Exception | None) -> None:
        of_old(self, exc)
        lost.set()

    monkeypatch.setattr(WebSocketConnection, "connection_lost", connection_lost)
    async with site() as (hub, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request_head(port, "GET /ws", HANDSHAKE))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while not lost.is_set():
                for _ in range(50):
                    hub.publish(Session(session="c1", state="live", kind="x" * 20_000, label="call"))
                await asyncio.sleep(0.02)
        writer.close()
