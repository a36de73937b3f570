"""Seconds until a swap is flagged: stream-guard's alarm, and one frame in five seconds as a call plugin does it.

A made-up call in which a swap begins is scored once, every frame. The sampler looks at one frame every five seconds
and flags it where the model holds it for synthetic. Its first look may fall anywhere, so all of a fifth of a second
apart are tried. Both judge by the same model: what differs is how often it is asked, and what is made of it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from stream_guard.app import Runtime
from stream_guard.bench.latency import percentiles
from stream_guard.clock import NS_PER_S
from stream_guard.config import Config
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.scoring.observation import EventKind
from stream_guard.sources.registry import open_source
from stream_guard.testing.caller import Caller

__all__ = ["measure", "sampled", "score", "write"]

EVERY_S = 5.0
PHASE_S = 0.2


def sampled(looks: Sequence[tuple[float, float]], *, first_s: float, swap_s: float) -> tuple[int, float | None]:
    """Return what a sampler says of a call.

    Args:
        looks: seconds and the face's authenticity, of every frame.
        first_s: when the first frame is looked at.
        swap_s: when the swap begins.

    Returns:
        False alarms before it, and seconds from its beginning to the first flag; None where there is none.
    """
    times = np.array([at_s for at_s, _ in looks])
    early = 0
    for at_s in np.arange(first_s, times[-1], EVERY_S):
        shown_s, authenticity = looks[int(np.abs(times - at_s).argmin())]
        if authenticity < 0.5:
            if shown_s >= swap_s:
                return early, shown_s - swap_s
            early += 1
    return early, None


async def score(clip: Path) -> tuple[list[tuple[float, float]], list[float]]:
    """Score every frame; returns the single frames' authenticities and the times of the alarms."""
    looks, alarms = [], []
    async with Runtime(Config.make()) as runtime:
        source = open_source(str(clip), clock=runtime.clock)
        pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=False), source)
        async for result in pipeline.results():
            if not isinstance(result, Scored):
                continue
            scores = [face.frame_score for face in result.update.faces if face.frame_score is not None]
            looks += [(result.at_s, scores[0])] if scores else []
            raised = [one for one in result.update.events if one.kind is EventKind.ALARM_RAISED]
            alarms += [one.at_ns / NS_PER_S for one in raised]
    return looks, alarms


def write(path: Path, *, seconds: float, swap_s: float, fps: int) -> None:
    """Write the call as H.264 at a call's bitrate."""
    caller = Caller(swap_at_s=swap_s)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 720, "yuv420p", 2_500_000
        stream.options = {"preset": "veryfast", "tune": "zerolatency"}
        for number in range(round(seconds * fps)):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(caller.frame(number / fps), format="rgb24")))
        out.mux(stream.encode(None))


def measure(*, seconds: float, swap_s: float, fps: int) -> dict[str, object]:
    """Make a call, score it, and sample the scores; returns ``ours`` and ``others`` by name, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "call.mp4"
        write(clip, seconds=seconds, swap_s=swap_s, fps=fps)
        looks, alarms = asyncio.run(score(clip))
    phases = [sampled(looks, first_s=float(first_s), swap_s=swap_s) for first_s in np.arange(0, EVERY_S, PHASE_S)]
    delays = [delay for _, delay in phases if delay is not None]
    later = [at_s - swap_s for at_s in alarms if at_s >= swap_s]
    return {
        "ours": {
            "early": sum(at_s < swap_s for at_s in alarms),
            "seconds_to_flag": round(later[0], 2) if later else None,
        },
        "others": {
            "one frame in 5 s": {
                "early": sum(early for early, _ in phases),
                "missed": len(phases) - len(delays),
                "of_phases": len(phases),
                "seconds_to_flag": {"mean": round(float(np.mean(delays)), 2), **percentiles(delays)}
                if delays
                else {},
            }
        },
    }
