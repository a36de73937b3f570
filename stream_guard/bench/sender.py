"""The sending side of a benchmark, in a process of its own: ``python -m stream_guard.bench.sender URL CLIP PLAN``.

Plays a clip in real time to one or more WHIP sessions, numbers every picture, and keeps when each was captured
(handed to the encoder, its number drawn in) and when its last packet was sent. Times are monotonic nanoseconds,
which all processes of a machine share. Speaks JSON lines: one for each session that stands, and at the end one with
all pictures. It ends when standard input does. With ``--wait`` it is ready before its server is: it says so, and
begins as soon as somebody listens there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import is_rtcp
from av import Packet, VideoFrame

from stream_guard.bench import clip
from stream_guard.bench.children import main, tell
from stream_guard.bench.listening import listening
from stream_guard.bench.record import Sent
from stream_guard.bench.relay import Impairment, Relay
from stream_guard.clock import MonotonicClock
from stream_guard.testing.peers import WhipSender

__all__ = ["Plan"]

Picture: TypeAlias = "VideoFrame | Packet[Any]"
HandOut = Callable[[int], tuple[Picture, int]]
"""How many pictures' times have come, to the next picture and the number that is drawn into it."""

_CLOCK = MonotonicClock()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent.

    Attributes:
        shape: of the pictures.
        codec, kbps: of the stream.
        impairment: of the network between.
        sessions: how many, each with a connection of its own; they begin one after another.
        encoded: the clip is a file of `clip.save`: encoded beforehand, and so sent at next to no cost.
    """

    shape: clip.Shape = field(default_factory=clip.Shape)
    codec: clip.Codec = "VP8"
    kbps: int = 2500
    impairment: Impairment = field(default_factory=Impairment)
    sessions: int = 1
    encoded: bool = False

    def as_json(self) -> str:
        """Return it for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Take it from the command line."""
        fields: dict[str, Any] = json.loads(text)
        fields["shape"] = clip.Shape(**fields["shape"])
        fields["impairment"] = Impairment(**fields["impairment"])
        return cls(**fields)


class _Track(MediaStreamTrack):
    """Hands out pictures at a steady pace; those whose time has passed are left out, never late."""

    kind = "video"

    def __init__(self, fps: int, hand_out: HandOut) -> None:
        super().__init__()
        self.captured: list[tuple[int, int, int]] = []
        self._fps = fps
        self._hand_out = hand_out
        self._began_s: float | None = None
        self._count = -1

    async def recv(self) -> Picture:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._began_s is None:
            self._began_s = loop.time()
        self._count = max(self._count + 1, int((loop.time() - self._began_s) * self._fps))
        await asyncio.sleep(self._began_s + self._count / self._fps - loop.time())
        picture, number = self._hand_out(self._count)
        self.captured.append((self._count, number, _CLOCK.now_ns()))
        return picture


class _Ahead:
    """Makes the next picture in a thread while the last one is being sent: a camera's pictures are just there."""

    def __init__(self, pictures: Iterator[VideoFrame], fps: int) -> None:
        self._pictures = pictures
        self._fps = fps
        self._next = next(pictures)
        self._wanted = threading.Event()
        self._made = threading.Event()
        self._made.set()
        threading.Thread(target=self._make, name="bench clip", daemon=True).start()

    def __call__(self, count: int) -> tuple[VideoFrame, int]:
        self._made.wait()
        picture = self._next
        self._made.clear()
        self._wanted.set()
        clip.number(picture, count, self._fps)
        return picture, count

    def _make(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._next = next(self._pictures)
            self._made.set()


class _Loop:
    """Hands out what was encoded beforehand."""

    def __init__(self, encoded: list[bytes], fps: int) -> None:
        self._encoded = encoded
        self._fps = fps
        self._place = 0

    def __call__(self, count: int) -> tuple[Packet[Any], int]:
        # One after another, whatever the count: a decoder cannot do without any. So the number is its place.
        number = self._place % len(self._encoded)
        packet = Packet(self._encoded[number])
        self._place += 1
        packet.pts, packet.time_base = round(count * 90_000 / self._fps), Fraction(1, 90_000)
        return packet, number


class _Session:
    """One connection, and what went out on it."""

    def __init__(self, url: str, plan: Plan, hand_out: HandOut) -> None:
        self._plan = plan
        self._relay = Relay(plan.impairment)
        self._track = _Track(plan.shape.fps, hand_out)
        self._times: dict[int, int] = {}
        self._type: int | None = None
        self._sender = WhipSender(
            url,
            self._track,
            codec=plan.codec,
            kbps=plan.kbps,
            candidates_in_offer=not plan.impairment.any,
            by_way_of=self._prepare,
        )

    async def open(self, stack: AsyncExitStack) -> str:
        """Connect; returns the server's name for the session."""
        stack.callback(self._relay.close)
        return (await stack.enter_async_context(self._sender)).session

    def sent(self) -> list[Sent]:
        """Join what was captured with what was sent: the first packet of all was of the first picture of all."""
        if not self._times:
            return [Sent(number, captured_ns) for _, number, captured_ns in self._track.captured]
        first = self._track.captured[0][0]
        origin = next(iter(self._times)) - self._ticks(first)
        rows = []
        for count, number, captured_ns in self._track.captured:
            stamp = (origin + self._ticks(count)) % 2**32
            at_ns = self._times.get(stamp)
            rows.append(Sent(number, captured_ns, None if at_ns is None else stamp, at_ns))
        return rows

    def _ticks(self, count: int) -> int:
        return round(count * 90_000 / self._plan.shape.fps)

    async def _prepare(self, answer: str) -> str:
        """Before anything is sent: listen to what goes out, and put the bad network in between."""
        for transport in {sender.transport for sender in self._sender.connection.getSenders()}:
            deliver = transport._send_rtp

            async def send(data: bytes, deliver: Callable[[bytes], Any] = deliver) -> None:
                await deliver(data)
                if not is_rtcp(data):
                    self._note(data)

            setattr(transport, "_send_rtp", send)  # noqa: B010  a method, to the type checker
        return await self._relay.open(answer) if self._plan.impairment.any else answer

    def _note(self, data: bytes) -> None:
        """Keep when the newest packet of a time stamp went out (RFC 3550, section 5.1)."""
        kind = data[1] & 0x7F
        if self._type is None:
            self._type = kind  # the first of all is no retransmission: those have a type of their own (RFC 4588)
        if kind == self._type:
            self._times[int.from_bytes(data[4:8], "big")] = _CLOCK.now_ns()


async def _send(url: str, path: Path, plan: Plan, *, wait: bool) -> None:
    encoded = clip.saved(path) if plan.encoded else []
    if wait:
        tell(event="waiting")
        await listening(url)
    sessions: dict[str, _Session] = {}
    async with AsyncExitStack() as stack:
        for _ in range(plan.sessions):
            fps = plan.shape.fps
            hand_out = _Loop(encoded, fps) if encoded else _Ahead(clip.pictures(path, plan.shape), fps)
            session = _Session(url, plan, hand_out)
            name = await session.open(stack)
            sessions[name] = session
            tell(event="session", session=name, at_ns=_CLOCK.now_ns())
        await asyncio.to_thread(sys.stdin.read)
        # Before the goodbyes: what is captured from now on nobody waits for.
        rows = {name: [asdict(one) for one in session.sent()] for name, session in sessions.items()}
    tell(event="sent", sessions=rows)


if __name__ == "__main__":
    _url, _path, _plan, *_options = sys.argv[1:]
    main(_send(_url, Path(_path), Plan.from_json(_plan), wait="--wait" in _options), "sender")
