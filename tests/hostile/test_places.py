"""Who takes places, and how much memory it costs to turn people away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from stream_guard.server.hub import Hub
from stream_guard.server.tokens import Keyring
from tests.hostile.conftest import request_head, site, until_closed

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

SDP = {"Content-Type": "application/sdp"}


async def video_offer() -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    await peer.close()
    return str(peer.localDescription.sdp)


async def test_one_address_cannot_take_every_call() -> None:
    offer = await video_offer()
    async with (
        site(whip={"max_sessions": 3, "max_per_client": 2}) as (_, port),
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
        httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2"), trust_env=False, timeout=20
        ) as other,
    ):
        url = f"http://127.0.0.1:{port}/whip"
        first = await http.post(url, content=offer, headers=SDP)
        assert first.status_code == 201
        assert (await http.post(url, content=offer, headers=SDP)).status_code == 201
        refused = await http.post(url, content=offer, headers=SDP)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert refused.text == "2 calls from your address are running, which is the limit; end one\n"
        assert (await other.post(url, content=offer, headers=SDP)).status_code == 201
        assert (await other.post(url, content=offer, headers=SDP)).status_code == 503
        place = f"http://127.0.0.1:{port}{first.headers['location']}"
        assert (await http.delete(place)).status_code == 200
        assert (await http.post(url, content=offer, headers=SDP)).status_code == 201


async def exchange(port: int, requests: Iterable[bytes], status: bytes) -> None:
    """Send requests over one connection, each after the answer to the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.split()[1] == status
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await reader.readexactly(int(length[1]))
    writer.close()


async def refuse_tokens(hub: Hub, port: int, times: int) -> None:
    heads = (request_head(port, f"GET /{n}", f"Authorization: Bearer {n}\r\n") for n in range(times))
    await exchange(port, heads, b"401")


async def refuse_offers(hub: Hub, port: int, times: int) -> None:
    offers = (
        f"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 X{n}/90000\r\n{'a=x' * 100}\r\n"
        for n in range(times)
    )
    extra = "Content-Type: application/sdp\r\nAuthorization: Bearer correct horse\r\n"
    requests = (
        request_head(port, "POST /whip", f"{extra}Content-Length: {len(offer)}\r\n") + offer.encode()
        for offer in offers
    )
    await exchange(port, requests, b"406")


async def refuse_hosts(hub: Hub, port: int, times: int) -> None:
    for number in range(times):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: evil{number}.example\r\nConnection: close\r\n\r\n".encode())
        assert b"421" in await until_closed(reader)
        writer.close()


async def drop_half_requests(hub: Hub, port: int, times: int) -> None:
    for number in range(times):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(port, f"GET /{number}")[: 20 + number % 30])
        writer.transport.abort()


async def end_websockets(hub: Hub, port: int, times: int) -> None:
    headers = {"Authorization": "Bearer correct horse"}
    for number in range(times):
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, additional_headers=headers) as socket:
            await socket.send(f'{{"nonsense": {number}}}')
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
    async with asyncio.timeout(5):
        while hub.clients:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("attack", "times"),
    [
        (refuse_tokens, 150),
        (refuse_offers, 150),
        (refuse_hosts, 100),
        (drop_half_requests, 100),
        (end_websockets, 50),
    ],
)
async def test_whoever_is_turned_away_leaves_nothing_in_memory(
    attack: Callable[[Hub, int, int], Awaitable[None]], times: int
) -> None:
    """Counted, not timed: three rounds after one for caches; whatever is kept of each takes far more."""
    async with site(tokens=Keyring(admin="correct horse")) as (hub, port):
        await attack(hub, port, times)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            await attack(hub, port, times)
        await asyncio.sleep(0.1)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 40_000 + 100 * 3 * times, f"{grown / 3 / times:.0f} bytes each"
