"""Peers for tests and demos: a WebRTC sender that speaks WHIP, and a server to send to."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import urljoin

import aiortc.codecs.h264
import aiortc.codecs.vpx
import httpx
import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import is_rtcp
from av import VideoFrame
from numpy.typing import NDArray
from starlette.types import ASGIApp

from stream_guard.errors import SignallingError
from stream_guard.sources.addresses import only_loopback

__all__ = ["DrawnTrack", "WhipSender", "lose_packets", "serving"]

_CLOCK_RATE = 90_000


class DrawnTrack(MediaStreamTrack):
    """A video track whose pictures a function draws, at a steady pace.

    Drawing happens in a thread. Where it is slower than the pace, pictures are left out, never delayed.
    """

    kind = "video"

    def __init__(self, draw: Callable[[float], NDArray[np.uint8]], *, fps: float = 30.0) -> None:
        """Prepare.

        Args:
            draw: seconds since the first picture -> uint8, shape (height, width, 3), RGB.
            fps: pictures a second.
        """
        super().__init__()
        self._draw = draw
        self._fps = fps
        self._began_s: float | None = None
        self._number = -1

    async def recv(self) -> VideoFrame:
        """Return the next picture when its time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        now_s = asyncio.get_running_loop().time()
        if self._began_s is None:
            self._began_s = now_s
        self._number = max(self._number + 1, math.floor((now_s - self._began_s) * self._fps))
        at_s = self._number / self._fps
        await asyncio.sleep(self._began_s + at_s - now_s)
        picture = VideoFrame.from_ndarray(await asyncio.to_thread(self._draw, at_s), format="rgb24")
        picture.pts = round(at_s * _CLOCK_RATE)
        picture.time_base = Fraction(1, _CLOCK_RATE)
        return picture


class WhipSender:
    """Sends one video to a WHIP endpoint (RFC 9725) while the ``async with`` block runs.

    Attributes:
        connection: the peer connection.
        response: what the endpoint answered.
        location: the session's URL.
        session: our server's name for the session; empty with other servers.
    """

    def __init__(
        self,
        url: str,
        video: MediaStreamTrack | Callable[[float], NDArray[np.uint8]],
        *,
        fps: float = 30.0,
        codec: Literal["VP8", "H264"] = "VP8",
        kbps: int | None = None,
        token: str | None = None,
        loss: Sequence[bool] = (),
        candidates_in_offer: bool = True,
        audio: MediaStreamTrack | None = None,
        loopback_only: bool = True,
        by_way_of: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: the endpoint, such as ``http://127.0.0.1:8765/whip``.
            video: a track, or a function that draws one, see `DrawnTrack`.
            fps: pictures a second of a drawn track.
            codec: the only one offered.
            kbps: fixed bitrate. aiortc starts VP8 at 500 and ends at 1,500, too little for a sharp 1280x720.
                Its encoders have no such setting, so this holds for all that the process creates from now on.
            token: shown as bearer token.
            loss: which of the outgoing RTP packets are lost (True), again from the start when it ends.
            candidates_in_offer: False does as OBS from 30.2 does.
            audio: sent along.
            loopback_only: offer 127.0.0.1 alone.
            by_way_of: is given the answer and returns the one to connect with, such as a relay's.
        """
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.response: httpx.Response | None = None
        self.location = ""
        self.session = ""
        self._url = url
        self._codec = codec
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._loss = tuple(loss)
        self._candidates_in_offer = candidates_in_offer
        self._loopback_only = loopback_only
        self._by_way_of = by_way_of
        track = video if isinstance(video, MediaStreamTrack) else DrawnTrack(video, fps=fps)
        self._tracks = [track] if audio is None else [audio, track]
        if kbps is not None:
            for module in (aiortc.codecs.vpx, aiortc.codecs.h264):
                for name in ("DEFAULT_BITRATE", "MIN_BITRATE", "MAX_BITRATE"):
                    setattr(module, name, kbps * 1000)

    async def offer(self) -> str:
        """Return the offer, candidates gathered."""
        for track in self._tracks:
            transceiver = self.connection.addTransceiver(track, direction="sendonly")
            if track.kind == "video":
                transceiver.setCodecPreferences(
                    [
                        codec
                        for codec in RTCRtpSender.getCapabilities("video").codecs
                        if codec.mimeType in {f"video/{self._codec}", "video/rtx"}
                    ]
                )
        with only_loopback(self._loopback_only):
            await self.connection.setLocalDescription(await self.connection.createOffer())
        text = str(self.connection.localDescription.sdp)
        if not self._candidates_in_offer:
            hidden = ("a=candidate:", "a=end-of-candidates")
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(hidden))
        return text

    async def __aenter__(self) -> Self:
        """Send the offer and wait until media flows.

        Raises:
            SignallingError: the endpoint refused; `response` holds the answer.
        """
        try:
            await self._begin()
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the session, unless that was done or the sender vanished, and hang up."""
        if self.location:
            with contextlib.suppress(httpx.HTTPError):
                await self.delete()
        await self.connection.close()

    async def delete(self) -> int:
        """End the session politely and return the HTTP status."""
        async with httpx.AsyncClient(headers=self._headers, timeout=5, trust_env=False) as http:
            location, self.location = self.location, ""
            return (await http.delete(location)).status_code

    async def patch(self, fragment: str, *, etag: str | None = None) -> httpx.Response:
        """Send a trickle fragment (RFC 9725, section 4.3.1)."""
        headers = {**self._headers, "Content-Type": "application/trickle-ice-sdpfrag"}
        if etag is not None:
            headers["If-Match"] = etag
        async with httpx.AsyncClient(headers=headers, timeout=5, trust_env=False) as http:
            return await http.patch(self.location, content=fragment)

    def vanish(self) -> None:
        """Fall silent at once, as a machine that loses its network: no DELETE, no DTLS close, no packet."""
        self.location = ""
        for sender in self.connection.getSenders():
            for protocol in sender.transport.transport._connection._protocols:
                protocol.transport = cast("asyncio.DatagramTransport", _Mute(protocol.transport))

    async def _begin(self) -> None:
        offer = await self.offer()
        headers = {**self._headers, "Content-Type": "application/sdp"}
        async with httpx.AsyncClient(headers=headers, timeout=10, trust_env=False) as http:
            self.response = await http.post(self._url, content=offer)
        if self.response.status_code != 201:
            raise SignallingError(self.response.status_code, self.response.text.strip())
        self.location = urljoin(self._url, self.response.headers["Location"])
        self.session = self.response.headers.get("Stream-Guard-Session", "")
        if self._loss:
            lose_packets(self.connection, self._loss)
        connected = asyncio.Event()
        self.connection.on(
            "connectionstatechange",
            lambda: connected.set() if self.connection.connectionState == "connected" else None,
        )
        answer = self.response.text if self._by_way_of is None else await self._by_way_of(self.response.text)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(connected.wait(), 10)


def lose_packets(connection: RTCPeerConnection, loss: Sequence[bool]) -> None:
    """Lose the outgoing RTP packets of a connection that the repeating list marks; RTCP gets through.

    Retransmissions are packets like others, so a list that begins with many True may never let one through.
    """
    count = 0
    for transport in {sender.transport for sender in connection.getSenders()}:
        deliver = transport._send_rtp

        async def send(data: bytes, deliver: Callable[[bytes], Any] = deliver) -> None:
            nonlocal count
            if not is_rtcp(data):
                count += 1
                if loss[(count - 1) % len(loss)]:
                    return
            await deliver(data)

        setattr(transport, "_send_rtp", send)  # noqa: B010  a method, to the type checker


class _Mute:
    """A datagram transport that sends nothing."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def sendto(self, data: bytes, address: Any = None) -> None:
        """Swallow the packet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1, in this event loop.

    Yields:
        Its URL, without a slash at the end.
    """
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none")
    )
    task = asyncio.create_task(server.serve(), name="test server")
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the server has stopped before it began")
        await asyncio.sleep(0.01)
    try:
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
