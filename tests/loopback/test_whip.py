"""A real WebRTC sender against the WHIP endpoint, over 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from aiortc import AudioStreamTrack, RTCCertificate, RTCPeerConnection
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from numpy.typing import NDArray
from starlette.applications import Starlette

from stream_guard.errors import SignallingError, SourceEnded, SourceError, StreamGuardError
from stream_guard.frame import Frame
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender, serving

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

RED, GREEN = (200, 40, 40), (30, 160, 60)


def halves(at_s: float, *, width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Red on the left, green on the right, and a white mark that goes down 24 rows a second."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = RED, GREEN
    row = int(at_s * 24) % height
    picture[row : row + 8, :16] = 255
    return picture


def is_halves(frame: Frame) -> bool:
    rgb = frame.rgb().astype(int)
    h, w = rgb.shape[:2]
    left, right = rgb[h // 2, w // 4], rgb[h // 2, 3 * w // 4]
    return bool(abs(left - RED).max() < 16 and abs(right - GREEN).max() < 16)


@dataclass
class Server:
    url: str
    endpoint: WhipEndpoint
    started: asyncio.Queue[Source] = field(default_factory=asyncio.Queue)

    async def source(self) -> Source:
        return await asyncio.wait_for(self.started.get(), 5)


@pytest.fixture
async def server(nothing_left: None) -> AsyncIterator[Server]:
    queue: asyncio.Queue[Source] = asyncio.Queue()

    async def start(source: Source) -> str:
        await queue.put(source)
        return f"c{queue.qsize()}"

    endpoint = WhipEndpoint(start, max_sessions=2, loopback_only=True)
    async with serving(Starlette(routes=endpoint.routes)) as url:
        yield Server(f"{url}/whip", endpoint, queue)
        await endpoint.close()


async def receive(source: Source, count: int) -> list[Frame]:
    return [await asyncio.wait_for(source.recv(), 10) for _ in range(count)]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_picture_that_was_sent_arrives(server: Server, codec: str) -> None:
    async with WhipSender(server.url, halves, codec=codec) as sender:  # type: ignore[arg-type]
        source = await server.source()
        frames = await receive(source, 45)
        assert is_halves(frames[-1])
        assert (frames[-1].width, frames[-1].height) == (320, 240)
        assert frames[-1].rgb().shape == (240, 320, 3)
        assert frames[0].media_s == 0
        assert frames[-1].media_s >= frames[-1].sequence / 30 - 0.1  # a sender that is late leaves pictures out
        assert [f.sequence for f in frames] == sorted({f.sequence for f in frames})
        transport = source.transport()
        assert transport.codec == codec
        assert (transport.width, transport.height) == (320, 240)
        assert transport.fps > 1
        assert transport.kbps is not None
        assert transport.kbps > 5
        assert transport.lost == 0
        assert sender.session == "c1"


async def test_the_answer_asks_for_a_bitrate_and_has_all_candidates(server: Server) -> None:
    async with WhipSender(server.url, halves) as sender:
        assert sender.response is not None
        answer = sender.response.text
        assert "x-google-start-bitrate=2500;x-google-min-bitrate=2500;x-google-max-bitrate=6000" in answer
        assert "a=end-of-candidates" in answer
        candidates = [line for line in answer.splitlines() if line.startswith("a=candidate:")]
        assert candidates
        assert all(" 127.0.0.1 " in line for line in candidates)
        assert sender.response.headers["Content-Type"] == "application/sdp"
        assert sender.response.headers["Location"].startswith("/whip/")


@pytest.mark.parametrize("loopback_only", [True, False])
async def test_an_offer_without_candidates_connects(server: Server, loopback_only: bool) -> None:
    """OBS from 30.2."""
    async with WhipSender(server.url, halves, candidates_in_offer=False, loopback_only=loopback_only):
        assert is_halves((await receive(await server.source(), 5))[-1])


async def test_media_stays_on_loopback_though_the_offer_names_other_addresses(server: Server) -> None:
    async with WhipSender(server.url, halves, loopback_only=False):
        assert is_halves((await receive(await server.source(), 5))[-1])


async def test_a_peer_with_an_rsa_certificate(server: Server) -> None:
    """GStreamer's webrtcbin."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    sender = WhipSender(server.url, halves)
    sender.connection._RTCPeerConnection__certificates = [RTCCertificate(key, certificate)]  # type: ignore[attr-defined]
    async with sender:
        assert is_halves((await receive(await server.source(), 5))[-1])


async def test_audio_is_taken_and_dropped(server: Server) -> None:
    async with WhipSender(server.url, halves, audio=AudioStreamTrack()) as sender:
        assert sender.response is not None
        assert "m=audio" in sender.response.text
        assert is_halves((await receive(await server.source(), 10))[-1])


async def test_a_slow_reader_sees_the_newest_frame(server: Server) -> None:
    async with WhipSender(server.url, halves):
        source = await server.source()
        await receive(source, 1)
        ages = []
        for _ in range(8):
            await asyncio.sleep(0.3)
            frame = await source.recv()
            ages.append((time.monotonic_ns() - frame.arrived_ns) / 1e6)
        # Eight reads at 3.3 a second of 30 a second. A queue would make the last one 2 s old.
        assert source.overwritten >= 8
        assert frame.sequence >= 8 + source.overwritten
        assert ages[-1] < 1500


async def test_lost_packets_are_counted_and_the_picture_recovers(server: Server) -> None:
    loss = [False] * 19 + [True]
    async with WhipSender(server.url, lambda t: noisy(t), loss=loss, kbps=1500):
        source = await server.source()
        frames = await receive(source, 60)
        assert frames[-1].rgb()[120, 80, 0] > frames[-1].rgb()[120, 240, 0] + 40
        deadline = time.monotonic() + 5
        while not source.transport().lost:
            assert time.monotonic() < deadline, source.transport()
            await receive(source, 1)


def noisy(at_s: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(int(at_s * 1000)).integers(0, 40, (240, 320, 3), np.uint8)
    noise[:, :160, 0] += 120
    return noise


async def test_the_resolution_may_change(server: Server) -> None:
    def growing(at_s: float) -> NDArray[np.uint8]:
        return halves(at_s) if at_s < 1 else halves(at_s, width=640, height=360)

    async with WhipSender(server.url, growing):
        source = await server.source()
        sizes = []
        while not sizes or sizes[-1] != (640, 360):
            frame = (await receive(source, 1))[0]
            assert frame.rgb().shape == (frame.height, frame.width, 3)
            sizes.append((frame.width, frame.height))
        assert set(sizes) == {(320, 240), (640, 360)}
        assert is_halves(frame)
        assert (source.transport().width, source.transport().height) == (640, 360)


async def test_deleting_ends_the_source_once(server: Server) -> None:
    async with WhipSender(server.url, halves) as sender:
        source = await server.source()
        await receive(source, 1)
        waiting = asyncio.create_task(drain(source))
        location = sender.location
        assert await sender.delete() == 200
        assert await asyncio.wait_for(waiting, 2) == "the source was closed"
        assert server.endpoint.sessions == ()
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.delete(location)).status_code == 404
            again = await http.patch(location, headers={"Content-Type": "application/trickle-ice-sdpfrag"})
            assert again.status_code == 404
    with pytest.raises(SourceEnded):
        await source.recv()


async def drain(source: Source) -> str:
    try:
        while True:
            await source.recv()
    except SourceEnded as end:
        return str(end)


async def test_a_sender_that_hangs_up_ends_the_source(server: Server) -> None:
    async with WhipSender(server.url, halves) as sender:
        source = await server.source()
        await receive(source, 1)
        sender.location = ""
    assert await asyncio.wait_for(drain(source), 5) in {
        "the sender has ended the stream",
        "the sender is gone: the connection was closed or lost",
    }
    await source.close()
    assert server.endpoint.sessions == ()


async def test_a_sender_that_vanishes_leaves_a_source_that_closes(server: Server) -> None:
    async with WhipSender(server.url, halves) as sender:
        source = await server.source()
        await receive(source, 1)
        sender.vanish()
        with contextlib.suppress(TimeoutError):
            while True:  # what was on its way
                await asyncio.wait_for(source.recv(), 1)
        waiting = asyncio.create_task(drain(source))
        await asyncio.sleep(0)
        began = time.monotonic()
        await source.close()
        assert time.monotonic() - began < 10
        assert await asyncio.wait_for(waiting, 5) == "the source was closed"


async def test_a_sender_that_never_connects_is_given_up(nothing_left: None) -> None:
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    source = WebRtcSource(peer.localDescription.sdp, loopback_only=True, connect_limit_s=0.5)
    async with source:
        with pytest.raises(SourceError, match="no media connection within"):
            await asyncio.wait_for(source.recv(), 5)
    await peer.close()


async def test_the_limit_of_sessions_and_that_it_frees_up(server: Server) -> None:
    async with WhipSender(server.url, halves), WhipSender(server.url, halves) as second:
        third = WhipSender(server.url, halves)
        with pytest.raises(SignallingError) as refused:
            await third.__aenter__()
        assert refused.value.status == 503
        assert third.response is not None
        assert int(third.response.headers["Retry-After"]) > 0
        assert len(server.endpoint.sessions) == 2
        await second.delete()
        async with WhipSender(server.url, halves):
            assert len(server.endpoint.sessions) == 2


async def test_a_pipeline_that_refuses_becomes_503(nothing_left: None) -> None:
    async def refuse(source: Source) -> str:
        raise StreamGuardError("the engine is gone")

    endpoint = WhipEndpoint(refuse, loopback_only=True)
    async with serving(Starlette(routes=endpoint.routes)) as url:
        with pytest.raises(SignallingError, match="the engine is gone") as refused:
            await WhipSender(f"{url}/whip", halves).__aenter__()
        assert refused.value.status == 503
        assert endpoint.sessions == ()


async def test_trickled_candidates(server: Server) -> None:
    async with WhipSender(server.url, halves, candidates_in_offer=False) as sender:
        assert sender.response is not None
        etag = sender.response.headers["ETag"]
        local = sender.connection.localDescription.sdp.splitlines()
        wanted = ("a=ice-ufrag:", "a=ice-pwd:", "m=video", "a=mid:", "a=candidate:", "a=end-of-candidates")
        fragment = "\r\n".join(line for line in local if line.startswith(wanted)) + "\r\n"
        good = await sender.patch(fragment, etag=etag)
        assert (good.status_code, good.content) == (204, b"")
        assert "ETag" not in good.headers
        odd = await sender.patch(
            "m=video 9 RTP/SAVPF 97\r\na=mid:0\r\na=candidate:junk\r\na=candidate:1 1 tcp 1 nowhere x typ y",
            etag="*",
        )
        assert odd.status_code == 204
        assert (await sender.patch(fragment)).status_code == 428
        assert (await sender.patch(fragment, etag='"other"')).status_code == 412
        assert (await sender.patch("no fragment", etag=etag)).status_code == 400
        restart = await sender.patch("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n", etag="*")
        assert restart.status_code == 422
        assert "restart" in restart.text
        assert is_halves((await receive(await server.source(), 5))[-1])


OFFER_WITHOUT_MEDIA = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


async def video_offer(*, direction: str = "sendonly", codec: str | None = None, videos: int = 1) -> str:
    """Return a real offer; the codec's name is replaced in place, so all else is well-formed."""
    peer = RTCPeerConnection()
    for _ in range(videos):
        peer.addTransceiver("video", direction=direction)
    peer.addTransceiver("audio", direction=direction)
    await peer.setLocalDescription(await peer.createOffer())
    sdp = str(peer.localDescription.sdp)
    await peer.close()
    if codec is not None:
        sdp = sdp.replace(" VP8/", f" {codec}/").replace(" H264/", f" {codec}/")
    return sdp


async def test_what_is_refused_and_how(server: Server) -> None:
    sdp = {"Content-Type": "application/sdp"}
    high = (await video_offer()).replace("packetization-mode=1", "packetization-mode=0").replace(" VP8/", " AV1/")
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (b"hello", sdp, 400, "not an SDP offer"),
        (b"", sdp, 400, "not an SDP offer"),
        (b"\xff\xfe\x00", sdp, 400, "not text"),
        (b"v=0\r\nm=video nonsense\r\na=rtpmap:96 VP8/90000\r\n", sdp, 400, "not one a WebRTC peer"),
        (OFFER_WITHOUT_MEDIA.encode() + b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", sdp, 422, "no video"),
        ((await video_offer(direction="recvonly")).encode(), sdp, 422, "sends no video"),
        ((await video_offer(codec="VP9")).encode(), sdp, 406, "the offer has VP9; this server takes VP8 and H264"),
        ((await video_offer(codec="AV1")).encode(), sdp, 406, "the offer has AV1"),
        (high.encode(), sdp, 406, "no codec in common"),
        ((await video_offer(videos=2)).encode(), sdp, 406, "more than one video"),
        (b"{}", {"Content-Type": "application/json"}, 415, "application/sdp"),
        (b"v=0", {}, 415, "application/sdp"),
        (b"v=0\r\n" + b"a" * 70_000, sdp, 413, "65536"),
    ]
    async with httpx.AsyncClient(trust_env=False) as http:
        for body, headers, status, text in cases:
            response = await http.post(server.url, content=body, headers=headers)
            assert (response.status_code, text in response.text) == (status, True), (status, response.text)
            assert response.text.count("\n") == 1
            assert response.headers["Content-Type"].startswith("text/plain")
    assert server.endpoint.sessions == ()
    async with WhipSender(server.url, halves):  # the server lives on
        assert is_halves((await receive(await server.source(), 5))[-1])


async def test_ten_megabytes_are_not_read_to_the_end(server: Server) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(640):
            sent += 16_384
            yield b"a" * 16_384
            await asyncio.sleep(0.002)

    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        try:
            response = await http.post(server.url, content=body(), headers={"Content-Type": "application/sdp"})
        except httpx.NetworkError:
            pass  # the server hung up while we were still sending, which is its right
        else:
            assert response.status_code == 413
    assert sent < 10_000_000
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(server.url)).status_code == 405


async def test_methods_and_options(server: Server) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            response = await http.request(method, server.url)
            assert (response.status_code, response.headers["Allow"]) == (405, "POST, OPTIONS")
        for method in ("GET", "HEAD", "PUT", "POST"):
            response = await http.request(method, f"{server.url}/x")
            assert (response.status_code, response.headers["Allow"]) == (405, "PATCH, DELETE, OPTIONS")
        endpoint, session = await http.options(server.url), await http.options(f"{server.url}/x")
        assert (endpoint.status_code, session.status_code) == (200, 200)
        assert endpoint.headers["Accept-Post"] == "application/sdp"
        assert endpoint.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
        assert session.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        for name in ("Authorization", "Content-Type", "If-Match"):
            assert name in endpoint.headers["Access-Control-Allow-Headers"]
        for name in ("Location", "ETag", "Link", "Stream-Guard-Session"):
            assert name in endpoint.headers["Access-Control-Expose-Headers"]


async def test_no_sdp_in_the_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "stream_guard")
    async with WhipSender(server.url, halves) as sender:
        await receive(await server.source(), 2)
        secret = sender.location.rpartition("/")[2]
    async with httpx.AsyncClient(trust_env=False) as http:
        bad = await video_offer(codec="VP9")
        await http.post(server.url, content=bad, headers={"Content-Type": "application/sdp"})
    assert caplog.records
    for word in ("a=", "ufrag", "127.0.0.1", secret):
        assert word not in caplog.text
