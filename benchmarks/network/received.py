"""Real footage sent as a call through a bad network, in real time: what arrived, and when."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiortc.codecs.vpx
import av
import cv2
import numpy as np
from aiortc import RTCSessionDescription
from aiortc.rtcrtpreceiver import NackGenerator
from numpy.typing import NDArray

from benchmarks.network.damage import HAPPENS_AT_S, LASTS_S, Damage
from stream_guard.bench.relay import Relay
from stream_guard.clock import Clock, seconds
from stream_guard.errors import SourceEnded, SourceError
from stream_guard.evaluation.clips import Clip, labelled_part
from stream_guard.frame import Frame
from stream_guard.sources import decoding
from stream_guard.sources.base import Transport
from stream_guard.sources.jitter import PromptJitterBuffer
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender

__all__ = ["FPS", "Received", "adapting_encoder", "as_before", "pictures", "receive"]

FPS = 15.0
_LONGEST_SIDE = 640
_KBPS = 1500
_LEAST_KBPS = 100
_LOOKS_A_SECOND = 5.0


@dataclass(eq=False)
class Received:
    """What arrived of one call. Times are seconds from its first picture's arrival.

    Attributes:
        arrivals_s: of every picture that was decoded.
        kept: some of them a second, and how the picture came at that moment; ``media_s`` is when it arrived.
        happened_s: when something began to happen, on the same time line.
        last: how the picture came in the end.
        began: set with the first picture.
    """

    arrivals_s: list[float] = field(default_factory=list)
    kept: list[tuple[Frame, Transport]] = field(default_factory=list)
    happened_s: float = 0.0
    last: Transport = field(default_factory=Transport)
    began: asyncio.Event = field(default_factory=asyncio.Event)


def pictures(clip: Clip, seconds_of_it: float) -> list[NDArray[np.uint8]]:
    """Return a clip's pictures at our rate, each uint8 (height, width, 3) RGB, no side longer than 640 px."""
    found: list[NDArray[np.uint8]] = []
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            at_s = float(frame.time or 0.0)
            if at_s >= seconds_of_it:
                break
            if at_s * FPS < len(found):
                continue
            rgb = labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
            scale = min(1.0, _LONGEST_SIDE / max(rgb.shape[:2]))
            height, width = (round(side * scale) // 2 * 2 for side in rgb.shape[:2])
            found.append(np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
    return found


async def receive(shown: list[NDArray[np.uint8]], damage: Damage, *, length_s: float, seed: int) -> Received:
    """Send pictures, forth and back, through a bad network, and keep what arrives.

    Raises:
        SourceError: the call did not come about.
    """

    def draw(at_s: float) -> NDArray[np.uint8]:
        off = damage.camera_off and HAPPENS_AT_S <= at_s < HAPPENS_AT_S + LASTS_S
        place = math.floor(at_s * FPS) % (2 * len(shown))
        picture = shown[min(place, 2 * len(shown) - 1 - place)]
        return np.zeros_like(picture) if off else picture

    sender = WhipSender("", draw, fps=FPS, candidates_in_offer=False)  # its HTTP is not needed: both ends are here
    relay = Relay(replace(damage.network, seed=seed))
    result = Received()
    try:
        async with WebRtcSource(await sender.offer(), loopback_only=True) as source:
            answer = await relay.open(source.answer_sdp)
            await sender.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            watching = asyncio.create_task(_watch(source, result), name="watch")
            try:
                await asyncio.wait_for(result.began.wait(), 20)
                ends_s = asyncio.get_running_loop().time() + length_s
                await asyncio.sleep(HAPPENS_AT_S)
                result.happened_s = HAPPENS_AT_S
                await damage.happens(relay)
                await asyncio.sleep(ends_s - asyncio.get_running_loop().time())
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            result.last = source.transport()
    except TimeoutError as error:
        raise SourceError("the call did not come about") from error
    finally:
        await sender.connection.close()
        relay.close()
    return result


async def _watch(source: WebRtcSource, result: Received) -> None:
    began_ns: int | None = None
    while True:
        try:
            frame = await source.recv()
        except SourceEnded:
            return
        began_ns = frame.arrived_ns if began_ns is None else began_ns
        at_s = seconds(frame.arrived_ns - began_ns)
        result.arrivals_s.append(at_s)
        result.began.set()
        if not result.kept or at_s - result.kept[-1][0].media_s >= 1 / _LOOKS_A_SECOND - 0.5 / FPS:
            rgb = await asyncio.to_thread(frame.rgb)
            kept = Frame.from_rgb(rgb, sequence=len(result.kept), media_s=at_s, arrived_ns=frame.arrived_ns)
            result.kept.append((kept, source.transport()))


@contextmanager
def adapting_encoder() -> Iterator[None]:
    """Let VP8 encoders made inside follow their receiver's estimate from 1,500 kb/s down to 100, as callers do."""
    module = aiortc.codecs.vpx
    wanted = {"DEFAULT_BITRATE": _KBPS, "MAX_BITRATE": _KBPS, "MIN_BITRATE": _LEAST_KBPS}
    before = {name: getattr(module, name) for name in wanted}
    try:
        for name, kbps in wanted.items():
            setattr(module, name, kbps * 1000)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


class _Unrecovering(PromptJitterBuffer):
    """The buffer without what `stream_guard.sources.recovery` adds to it."""

    def __init__(self, capacity: int, *, clock: Clock) -> None:
        super().__init__(capacity)
        self.passed_over = self.damaged = 0
        self.broken = False


@contextmanager
def as_before() -> Iterator[None]:
    """Receive inside as aiortc does by itself: for comparison."""
    module: Any = decoding
    before = module.RecoveringBuffer, module.PatientNacks
    module.RecoveringBuffer, module.PatientNacks = _Unrecovering, lambda clock: NackGenerator()
    try:
        yield
    finally:
        module.RecoveringBuffer, module.PatientNacks = before
