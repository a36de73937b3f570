"""The server against those who mean it ill, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiortc import RTCPeerConnection

from stream_guard import client
from stream_guard.clock import MonotonicClock
from stream_guard.errors import SignallingError
from stream_guard.protocol.messages import Hello, ModelReport, Session
from stream_guard.server.hub import Hub
from stream_guard.server.listener import listen
from stream_guard.server.site import build_site
from stream_guard.server.tokens import Keyring
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.sources.whep import WhepSource
from stream_guard.testing.peers import serving

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(30)]

TOKEN = "correct horse"

HELLO = Hello(
    server="stream-guard test",
    engine="scripted",
    device="cpu",
    model=ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48),
    budget_ms=33,
)


@asynccontextmanager
async def site(
    *, token: str | None = None, body_limit_s: float = 10.0, max_sessions: int = 1
) -> AsyncIterator[int]:
    """Serve all but the pipeline; yields the port."""

    async def start(source: Source) -> str:
        return "c1"

    hub = Hub(HELLO, clock=MonotonicClock())
    whip = WhipEndpoint(start, max_sessions=max_sessions, body_limit_s=body_limit_s, loopback_only=True)
    app = build_site(hub, whip.routes, host="127.0.0.1", tokens=Keyring(admin=token))
    try:
        async with listen(app, host="127.0.0.1", port=0) as port:
            try:
                yield port
            finally:
                hub.close()
    finally:
        await whip.close()


async def answer_to(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head


def post(port: int, *, length: int) -> bytes:
    return (
        f"POST /whip HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {length}\r\n\r\nv"
    ).encode()


HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def video_offer() -> str:
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    await peer.close()
    return str(peer.localDescription.sdp)


@pytest.mark.parametrize("upgrade", ["", HANDSHAKE])
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("[::1", "", 400),
        ("[", "", 400),
        ("evil.example@127.0.0.1", "", 400),
        ("127.0.0.1?x", "", 400),
        ("", "", 400),
        ("127.0.0.1", "http://[", 403),
        ("127.0.0.1", "http://[::1", 403),
        ("127.0.0.1", "ftp://127.0.0.1", 403),
        ("127.0.0.1", "http://127.0.0.1@evil.example", 403),
    ],
)
async def test_malformed_names_are_refused_not_stumbled_over(
    nothing_left: None, caplog: pytest.LogCaptureFixture, host: str, origin: str, status: int, upgrade: str
) -> None:
    async with site() as port:
        lines = f"GET /ws HTTP/1.1\r\nHost: {host}\r\n" + (f"Origin: {origin}\r\n" if origin else "") + upgrade
        head = await answer_to(port, f"{lines}\r\n".encode())
    assert int(head.split()[1]) == (403 if upgrade else status)
    assert not caplog.records


async def test_only_who_fails_by_the_token_alone_is_told_so(nothing_left: None) -> None:
    async with site(token=TOKEN) as port:
        host = f"127.0.0.1:{port}"
        for url in (f"ws://{host}", f"ws://{host}/?token=a+wrong+one"):
            with pytest.raises(client.ConnectionRefused, match="give the right token") as refused:
                await anext(client.messages(url))
            assert "wrong" not in str(refused.value)
        for line in (f"Host: {host}\r\nOrigin: https://evil.example", "Host: evil.example"):
            head = await answer_to(port, f"GET /ws HTTP/1.1\r\n{line}\r\n{HANDSHAKE}\r\n".encode())
            assert head.startswith(b"HTTP/1.1 403")
        async with contextlib.aclosing(client.messages(f"ws://{host}", token=TOKEN)) as messages:
            assert isinstance(await anext(messages), Hello)


async def test_whoever_sends_an_offer_slowly_holds_no_place(nothing_left: None) -> None:
    async with site(body_limit_s=0.5, max_sessions=1) as port, httpx.AsyncClient(trust_env=False) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(port, length=60_000))
        await asyncio.sleep(0.1)
        sdp = {"Content-Type": "application/sdp"}
        answer = await http.post(f"http://127.0.0.1:{port}/whip", content=await video_offer(), headers=sdp)
        assert answer.status_code == 201
        async with asyncio.timeout(5):
            refusal = await reader.read()  # to the end: the server hangs up
        assert refusal.startswith(b"HTTP/1.1 408")
        assert refusal.endswith(b"the body took longer than 0.5 s\n")
        writer.close()


async def test_a_server_that_ends_answers_who_waits_and_logs_no_trace(
    nothing_left: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with site() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(port, length=60_000))
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
    writer.close()
    assert "Traceback" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_an_offer_of_many_sections_is_refused(nothing_left: None) -> None:
    offer = await video_offer()
    audio = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n"
    async with site() as port, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"http://127.0.0.1:{port}/whip", content=offer + audio * 16, headers={"Content-Type": "application/sdp"}
        )
    assert answer.status_code == 406
    assert answer.text == "the offer has 17 media sections; send 16 at most\n"


async def test_candidates_beyond_the_hundredth_are_passed_over(nothing_left: None) -> None:
    source = WebRtcSource(await video_offer(), loopback_only=True)
    async with source:
        for part in range(4):
            lines = "".join(
                f"a=candidate:{n} 1 udp 1 127.0.0.1 {1024 + part * 60 + n} typ host\r\n" for n in range(60)
            )
            await source.add_candidates(f"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:0\r\n{lines}")
        await asyncio.sleep(0.1)
        receiver = source._receiver
        assert receiver is not None
        (transceiver,) = receiver.connection.getTransceivers()
        known = transceiver.receiver.transport.transport._connection.remote_candidates
        assert 100 <= len(known) <= 100 + 8  # and the offer's own


async def test_a_client_that_never_reads_loses_its_place(nothing_left: None) -> None:
    hub = Hub(HELLO.model_copy(update={"device": "x" * 8_000_000}), clock=MonotonicClock(), send_limit_s=0.3)
    app = build_site(hub, [], host="127.0.0.1")
    async with listen(app, host="127.0.0.1", port=0) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{HANDSHAKE}\r\n".encode())
        async with asyncio.timeout(5):
            while not hub.clients:
                await asyncio.sleep(0.01)
            while hub.clients:
                hub.publish(Session(session="c1", state="live", kind="webrtc", label="call"))
                await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_a_whep_server_that_answers_without_end_is_left(nothing_left: None) -> None:
    async def endless(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})  # type: ignore[operator]
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"a" * 65_536, "more_body": True})  # type: ignore[operator]

    async with serving(endless) as url:
        source = WhepSource(url.replace("http://", "whep://"), loopback_only=True)
        with pytest.raises(SignallingError, match="more than 65536 bytes"):
            await source.open()


@pytest.mark.timeout(120)  # a server starts in it
@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent so on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_command_while_somebody_dawdles(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        # Two of the limit's three seconds are the dawdler's; the limit is tried in tests/unit/cli/test_ending.py.
        *(sys.executable, "-c", "from stream_guard.cli import ending, main; ending.LIMIT_S = 9.0; main()"),
        *("serve", "--port", "0"),
        env={**os.environ, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    writer = None
    try:
        port = 0
        while not port:
            line = (await process.stdout.readline()).decode()
            assert line, "the command has ended"
            found = re.search(r"127\.0\.0\.1:(\d+)/whip", line)
            port = int(found[1]) if found else 0
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(port, length=60_000))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        process.send_signal(number)
        logged, errors = await process.communicate()
        assert process.returncode == 0
        assert time.monotonic() - began < 10
        assert b"Traceback" not in logged + errors
    finally:
        if writer is not None:
            writer.close()
        if process.returncode is None:
            process.kill()
            await process.wait()
