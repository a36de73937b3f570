"""The server under test, in a process of its own: ``python -m stream_guard.bench.receiver SETTINGS``.

It is `stream_guard.app.Service` as ``serve`` runs it, and an observer that keeps every stage's duration and reads
the number off every scored frame; with ``--detail`` off every decoded one, too. Nothing else is different: what is
read decides nothing. Speaks JSON lines: one when it listens, and at the end one with everything. It ends when
standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.codecs.h264 import H264Decoder
from aiortc.codecs.vpx import Vp8Decoder
from aiortc.rtp import RtpPacket
from av import VideoFrame

from stream_guard.app import Service
from stream_guard.bench import mark
from stream_guard.bench.children import main, tell
from stream_guard.bench.record import Decoded, ScoredFrame
from stream_guard.budget.plan import DropCause
from stream_guard.clock import MonotonicClock
from stream_guard.config import Config
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, Stage

__all__: list[str] = []

_CLOCK = MonotonicClock()


class _Notebook(Observer):
    """Keeps everything of every session."""

    def __init__(self) -> None:
        self.scored: dict[str, list[ScoredFrame]] = defaultdict(list)
        self.dropped: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
        self.admitted: dict[str, list[int]] = defaultdict(list)
        self._now: dict[str, dict[str, int]] = defaultdict(dict)

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        self.dropped[session.id].append((_CLOCK.now_ns(), cause.value, count))
        if cause is not DropCause.SUPERSEDED:
            self._now[session.id].clear()
            self.admitted[session.id].pop()  # its turn came, and then nothing came of it

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        self._now[session.id][stage] = duration_ns
        if stage == "wait":
            self.admitted[session.id].append(_CLOCK.now_ns())

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        self.scored[session.id].append(
            ScoredFrame(
                scored.frame.sequence,
                mark.read(scored.frame.rgb()[:, :, 1]),
                scored.frame.arrived_ns,
                scored.scored_ns,
                [face.id for face in scored.update.faces if face.frame_score is not None],
                self._now.pop(session.id, {}),
            )
        )


class _Tap:
    """Listens where packets come in and where pictures are decoded. For one session: it cannot tell them apart."""

    def __init__(self) -> None:
        self.packets: dict[int, int] = {}
        self.decoded: list[Decoded] = []

    def listen(self) -> None:
        """Put ourselves in between: aiortc has no hooks."""
        handle, packets = RTCRtpReceiver._handle_rtp_packet, self.packets

        async def heard(receiver: RTCRtpReceiver, packet: RtpPacket, arrival_time_ms: int) -> None:
            packets[packet.timestamp] = _CLOCK.now_ns()
            await handle(receiver, packet, arrival_time_ms)

        setattr(RTCRtpReceiver, "_handle_rtp_packet", heard)  # noqa: B010  a method, to the type checker
        for kind in (Vp8Decoder, H264Decoder):
            setattr(kind, "decode", self._tapped(kind.decode))  # noqa: B010

    def _tapped(self, decode: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def tapped(decoder: Any, encoded: Any) -> Any:
            began_ns = _CLOCK.now_ns()
            frames: list[VideoFrame] = decode(decoder, encoded)
            ended_ns = _CLOCK.now_ns()
            self.decoded += [Decoded(mark.read(mark.luma(frame)), began_ns, ended_ns) for frame in frames]
            return frames

        return tapped


async def _receive(settings: dict[str, Any], *, detail: bool) -> None:
    notebook, tap = _Notebook(), _Tap()
    if detail:
        tap.listen()
    async with Service(Config.make(port=0, **settings), observers=[notebook]) as service:
        tell(event="listening", url=service.url, engine=service.hello.engine, model=service.hello.model.version)
        await asyncio.to_thread(sys.stdin.read)
        tell(
            event="received",
            scored={session: [asdict(one) for one in frames] for session, frames in notebook.scored.items()},
            admitted=notebook.admitted,
            dropped=notebook.dropped,
            packets=list(tap.packets.items()),
            decoded=[asdict(one) for one in tap.decoded],
        )


if __name__ == "__main__":
    main(_receive(json.loads(sys.argv[1]), detail="--detail" in sys.argv[2:]), "server")
