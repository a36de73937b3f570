"""Play a recording at its own pace through the whole pipeline and print what each stage took.

``python benchmarks/live_stages.py --rows 3`` makes a gallery of nine made-up callers at 1280x720 and 30 frames/s.
The first three seconds are left out: they load the finder and learn what things cost.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np

from stream_guard.app import Runtime
from stream_guard.budget.plan import DropCause
from stream_guard.clock import MonotonicClock, ms
from stream_guard.config import Config
from stream_guard.inference.environment import describe
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo
from stream_guard.sources.registry import open_source
from stream_guard.testing.caller import Caller

WARM_UP_S = 3.0


class Stopwatch(Observer):
    """Keeps every duration after the warm-up."""

    def __init__(self) -> None:
        self.on = False
        self.stages: dict[str, list[float]] = defaultdict(list)
        self.dropped: Counter[str] = Counter()

    def stage_done(self, session: SessionInfo, stage: str, duration_ns: int) -> None:
        if self.on:
            self.stages[stage].append(ms(duration_ns))

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        if self.on:
            self.dropped[cause.value] += count


def write(path: Path, rows: int, seconds: float) -> None:
    """Write the gallery as H.264."""
    caller = Caller(width=1280 // rows, height=720 // rows)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency"}
        for number in range(round(seconds * 30)):
            picture = np.zeros((720, 1280, 3), np.uint8)
            for tile in range(rows * rows):
                drawn = caller.frame(number / 30 + tile)
                height, width = drawn.shape[:2]
                top, left = tile // rows * height, tile % rows * width
                picture[top : top + height, left : left + width] = drawn
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


async def play(clip: Path, engine: str) -> dict[str, object]:
    """Play the clip; return the figures."""
    clock = MonotonicClock()
    watch = Stopwatch()
    scored: list[Scored] = []
    async with Runtime(Config.make(engine=engine), clock=clock) as runtime:
        source = open_source(str(clip), clock=clock, realtime=True)
        pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=True), source, [watch])
        async for result in pipeline.results():
            if isinstance(result, Scored) and result.frame.media_s >= WARM_UP_S:
                watch.on = True
                scored.append(result)
        name = runtime.engines.engine
    seconds = scored[-1].frame.media_s - scored[0].frame.media_s
    faces = Counter(face.id for one in scored for face in one.update.faces if face.frame_score is not None)
    return {
        "engine": name,
        "frames scored": len(scored),
        "frames played": scored[-1].frame.sequence - scored[0].frame.sequence + 1,
        "dropped": dict(watch.dropped),
        "scores a second and face": [round(count / seconds, 1) for _, count in sorted(faces.items())],
        "stages_ms": {
            stage: {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 90, 95, 99)}
            for stage, values in watch.stages.items()
        },
    }


def main() -> None:
    """Write, play, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1, help="rows and columns of the gallery")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "call.mp4"
        write(clip, options.rows, options.seconds)
        figures = asyncio.run(play(clip, options.engine))
    json.dump({"machine": asdict(describe()), **figures}, sys.stdout, indent=1, default=str)
    print()


if __name__ == "__main__":
    main()
