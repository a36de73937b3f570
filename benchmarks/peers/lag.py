"""How far behind is a reader that is slower than its call? aiortc's track read directly, and stream-guard's source.

The same call goes to each in its turn; both readers do nothing but wait so long for every picture they get, as a
slow detector would. The lag is from the capture of a picture to its being read, told by the number drawn into it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.bench import clip, mark
from stream_guard.bench.children import ask, line, running
from stream_guard.bench.sender import Plan
from stream_guard.clock import MonotonicClock, ms
from stream_guard.errors import SourceEnded
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import serving

__all__ = ["both", "by_source", "by_track", "measure"]

_CLOCK = MonotonicClock()

Numbers = AsyncIterator[int | None]
Receive = Callable[[str, asyncio.Future[str]], Numbers]
"""An offer, and where the answer goes, to the numbers of the pictures as they are read."""


async def by_track(offer: str, answer: asyncio.Future[str]) -> Numbers:
    """Read aiortc's track as its examples do."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        answer.set_result(connection.localDescription.sdp)
        track = connection.getReceivers()[0].track
        while True:
            try:
                picture = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(picture, VideoFrame)
            yield mark.read(mark.luma(picture))
    finally:
        await connection.close()


async def by_source(offer: str, answer: asyncio.Future[str]) -> Numbers:
    """Read stream-guard's source."""
    async with WebRtcSource(offer, loopback_only=True) as source:
        answer.set_result(source.answer_sdp)
        while True:
            try:
                frame = await source.recv()
            except SourceEnded:
                return
            yield mark.read((await asyncio.to_thread(frame.rgb))[:, :, 1])


async def measure(
    receive: Receive, packets: Path, plan: Plan, *, seconds: float, work_s: float
) -> dict[str, object]:
    """Play a call to one reader; returns its lag second by second, in milliseconds."""
    read: list[tuple[int, int]] = []
    readers: list[asyncio.Task[None]] = []

    async def follow(offer: str, answer: asyncio.Future[str]) -> None:
        async for number in receive(offer, answer):
            if number is not None:
                read.append((number, _CLOCK.now_ns()))
            await asyncio.sleep(work_s)

    async def post(request: Request) -> Response:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        readers.append(asyncio.create_task(follow((await request.body()).decode(), answer)))
        headers = {"Location": "/whip/1", "Stream-Guard-Session": "c1"}
        return Response(await answer, 201, headers, media_type="application/sdp")

    async def delete(request: Request) -> Response:
        return PlainTextResponse("")

    app = Starlette(routes=[Route("/whip", post, methods=["POST"]), Route("/whip/1", delete, methods=["DELETE"])])
    try:
        async with (
            serving(app) as url,
            running("stream_guard.bench.sender", f"{url}/whip", str(packets), plan.as_json()) as sender,
        ):
            await line(sender, "session")
            await asyncio.sleep(seconds)
            sent = (await ask(sender, "sent"))["sessions"]["c1"]
    finally:
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    captured = {one["number"]: one["captured_ns"] for one in sent}
    lags = [(captured[number], ms(at_ns - captured[number])) for number, at_ns in read if number in captured]
    began_ns = sent[0]["captured_ns"]
    by_second: dict[int, list[float]] = {}
    for at_ns, lag in lags:
        by_second.setdefault((at_ns - began_ns) // 1_000_000_000, []).append(lag)
    return {
        "pictures_sent": len(sent),
        "pictures_read": len(lags),
        "last_lag_ms": round(lags[-1][1]) if lags else None,
        "largest_lag_ms": round(max(lag for _, lag in lags)) if lags else None,
        "lag_ms_by_second_of_capture": {
            str(second): round(max(some)) for second, some in sorted(by_second.items())
        },
    }


async def both(*, seconds: float, work_s: float, shape: clip.Shape) -> dict[str, object]:
    """Play the call to one after the other; returns ``ours`` and ``others`` by name."""
    with tempfile.TemporaryDirectory() as folder:
        path, packets = Path(folder) / "call.mp4", Path(folder) / "packets"
        await asyncio.to_thread(clip.make, path, shape, seconds=5)
        count = round(seconds * shape.fps) + 60  # no number comes twice
        clip.save(packets, await asyncio.to_thread(clip.encode, path, shape, codec="VP8", kbps=1000, count=count))
        plan = Plan(shape=shape, kbps=1000, encoded=True)
        theirs = await measure(by_track, packets, plan, seconds=seconds, work_s=work_s)
        own = await measure(by_source, packets, plan, seconds=seconds, work_s=work_s)
    return {"ours": own, "others": {"aiortc's track": theirs}}
