"""Servers that send us elsewhere: files, this machine's other services, private networks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.errors import SignallingError, SourceError
from stream_guard.frame import Frame
from stream_guard.sources.addresses import address_to_follow
from stream_guard.sources.base import Source
from stream_guard.sources.registry import open_source
from stream_guard.sources.whep import WhepSource
from stream_guard.testing.peers import serving

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

NAMES = {
    "public.example": ["93.184.216.34"],
    "inside.example": ["192.168.0.1"],
    "both.example": ["93.184.216.34", "10.0.0.1"],
    "here.example": ["127.0.0.1"],
    "elsewhere.example": ["8.8.4.4"],
}


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names without a network; returns those that were asked for."""
    asked: list[str] = []

    async def getaddrinfo(self: object, host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        with contextlib.suppress(OSError):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        if host not in NAMES:
            raise socket.gaierror("not found")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in NAMES[host]]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8765/api/sessions/c1",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "https://inside.example/",
        "https://both.example/",
        "https://unknown.example/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "file:///etc/passwd",
        "ftp://public.example/",
        "http:///nowhere",
        "http://[",
    ],
)
async def test_a_server_cannot_send_us_inside(looked_up: list[str], target: str) -> None:
    with pytest.raises(SignallingError) as refused:
        await address_to_follow(target, given="https://elsewhere.example/whep")
    assert "\n" not in str(refused.value)


async def test_a_public_address_is_followed_and_not_looked_up_again(looked_up: list[str]) -> None:
    given = "https://elsewhere.example/whep"
    assert await address_to_follow("https://public.example/x", given=given) == "93.184.216.34"
    assert looked_up.count("public.example") == 1
    assert await address_to_follow("https://elsewhere.example:9999/x", given=given) is None


async def test_what_runs_on_this_machine_may_send_us_to_its_neighbours(looked_up: list[str]) -> None:
    assert await address_to_follow("http://here.example:2/x", given="http://127.0.0.1:1/") == "127.0.0.1"


@pytest.mark.parametrize("what", ["redirect", "location"])
async def test_a_whep_server_makes_us_touch_nothing_inside(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The server stands for one on the internet; the other is a service inside."""
    touched: list[str] = []

    async def touch(request: Request) -> Response:
        touched.append(request.method)
        return PlainTextResponse("inside")

    monkeypatch.setattr("stream_guard.sources.addresses._addresses", outside)
    async with serving(Starlette(routes=[Route("/secret", touch, methods=["POST", "DELETE", "GET"])])) as inside:
        target = inside.replace("127.0.0.1", "localhost") + "/secret"

        async def answer(request: Request) -> Response:
            if what == "redirect":
                return Response(status_code=307, headers={"Location": target})
            return Response("v=0", 201, {"Location": target}, media_type="application/sdp")

        async with serving(Starlette(routes=[Route("/whep", answer, methods=["POST"])])) as url:
            source = WhepSource(url.replace("http", "whep", 1) + "/whep", loopback_only=True)
            with pytest.raises(SignallingError, match="private network" if what == "redirect" else "no SDP"):
                await source.open()
            await source.close()
    assert touched == []


async def outside(host: str, port: int) -> list[Any]:
    import ipaddress

    return [ipaddress.ip_address("10.0.0.1" if host == "localhost" else "93.184.216.34")]


async def first_frame(source: Source) -> Frame:
    await source.open()
    return await source.recv()


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{clip}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 'file:{clip}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 40000 RTP/AVP 33\n",
    ],
    ids=["hls file url", "hls path", "concat", "sdp"],
)
async def test_a_stream_cannot_make_us_open_a_file(tmp_path: Path, playlist: str) -> None:
    clip = tmp_path / "private.ts"
    with av.open(str(clip), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(playlist.format(clip=clip).encode() + b"\n" * 2000)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(send, "127.0.0.1", 0)
    async with server:
        url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        source = await asyncio.to_thread(open_source, url)
        with pytest.raises(SourceError):
            await asyncio.wait_for(first_frame(source), 30)
        await source.close()
