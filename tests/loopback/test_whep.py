"""Pulling from a small WHEP server on aiortc, over 127.0.0.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from stream_guard.errors import SignallingError, SourceEnded, SourceError
from stream_guard.sources.whep import WhepSource
from stream_guard.testing.peers import DrawnTrack, serving

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]

BLUE = (30, 60, 200)


def blue(at_s: float) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), BLUE, np.uint8)


class WhepServer:
    """Sends one blue picture to whoever asks with the right token."""

    def __init__(self) -> None:
        self.deleted = 0
        self.answer: str | None = None
        self.seen: list[tuple[str, str]] = []
        self.peers: list[RTCPeerConnection] = []
        self.app = Starlette(
            routes=[
                Route("/whep", self.begin, methods=["POST"]),
                Route("/moved", lambda request: RedirectResponse("/whep", 307), methods=["POST"]),
                Route("/circle", lambda request: RedirectResponse("/circle", 307), methods=["POST"]),
                Route("/session/1", self.end, methods=["DELETE"]),
            ]
        )

    async def begin(self, request: Request) -> Response:
        self.seen.append((str(request.url.query), request.headers.get("authorization", "")))
        if request.headers.get("authorization") != "Bearer hush":
            return PlainTextResponse("show a token\nand more", 401)
        if self.answer is not None:
            return Response(self.answer, 201, media_type="application/sdp")
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        await peer.setRemoteDescription(RTCSessionDescription((await request.body()).decode(), "offer"))
        peer.addTrack(DrawnTrack(blue))
        await peer.setLocalDescription(await peer.createAnswer())
        return Response(peer.localDescription.sdp, 201, {"Location": "/session/1"}, media_type="application/sdp")

    async def end(self, request: Request) -> Response:
        self.deleted += request.headers.get("authorization") == "Bearer hush"
        await self.hang_up()
        return Response(status_code=200)

    async def hang_up(self) -> None:
        for peer in self.peers:
            await peer.close()


@asynccontextmanager
async def whep_server() -> AsyncIterator[tuple[WhepServer, str]]:
    server = WhepServer()
    async with serving(server.app) as url:
        yield server, url.removeprefix("http://")
        await server.hang_up()


@pytest.mark.parametrize(
    "form",
    ["whep://{host}/whep?a=1&token=hush", "whep+http://hush@{host}/whep?a=1", "whep://{host}/moved?token=hush"],
)
async def test_the_picture_arrives_and_the_session_is_deleted(form: str) -> None:
    async with whep_server() as (server, host):
        source = WhepSource(form.format(host=host), loopback_only=True)
        assert "hush" not in source.name
        assert (source.kind, source.live) == ("whep", True)
        async with source:
            for _ in range(10):
                frame = await asyncio.wait_for(source.recv(), 10)
            assert abs(frame.rgb()[120, 160].astype(int) - BLUE).max() < 10
            assert source.transport().codec == "VP8"
        assert server.deleted == 1
        assert all("hush" not in query for query, _ in server.seen)
        with pytest.raises(SourceEnded):
            await source.recv()


async def test_a_server_that_hangs_up_ends_the_source() -> None:
    async with (
        whep_server() as (server, host),
        WhepSource(f"whep://hush@{host}/whep", loopback_only=True) as source,
    ):
        await asyncio.wait_for(source.recv(), 10)
        await server.hang_up()
        end = await asyncio.wait_for(read_to_end(source), 10)
        assert isinstance(end, SourceEnded)


async def read_to_end(source: WhepSource) -> SourceError:
    try:
        while True:
            await source.recv()
    except SourceError as end:
        return end


async def test_refusals() -> None:
    async with whep_server() as (server, host):
        with pytest.raises(SignallingError, match=r"refuses: show a token \(HTTP 401\)") as raised:
            await WhepSource(f"whep://{host}/whep", loopback_only=True).open()
        assert raised.value.status == 401
        with pytest.raises(SignallingError, match="redirects without end"):
            await WhepSource(f"whep://{host}/circle", loopback_only=True).open()
        for answer in ("hello", "v=0\r\nm=video 9 x 0\r\n"):
            server.answer = answer
            with pytest.raises(SignallingError, match="no SDP answer"):
                await WhepSource(f"whep://hush@{host}/whep", loopback_only=True).open()
    with pytest.raises(SourceError, match="cannot be reached") as gone:
        await WhepSource(f"whep://hush@{host}/whep", loopback_only=True).open()
    assert gone.value.retryable
    assert "hush" not in str(gone.value)


async def test_the_token_does_not_follow_to_another_host() -> None:
    async with whep_server() as (other, other_host):
        elsewhere = Route(
            "/whep", lambda request: RedirectResponse(f"http://{other_host}/whep", 307), methods=["POST"]
        )
        async with serving(Starlette(routes=[elsewhere])) as url:
            source = WhepSource(url.replace("http", "whep", 1) + "/whep?token=hush", loopback_only=True)
            with pytest.raises(SignallingError):
                await source.open()
        assert other.seen == [("", "")]
