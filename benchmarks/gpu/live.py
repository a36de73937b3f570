"""A recorded call through the whole pipeline, faces cut on the GPU and then on the CPU: the same scores? how soon?

``python -m benchmarks.gpu.live [--faces 9] [--json FILE]``. The recording is made on the spot, as for
``stream-guard bench latency``. Every frame is looked at, three times: by the engine that cuts by itself, by the
same engine with crops, and by ONNX Runtime in float32.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console

from benchmarks.stopwatch import Stopwatch
from stream_guard.app import Runtime
from stream_guard.bench.clip import Shape, make
from stream_guard.config import Config
from stream_guard.errors import EngineUnavailable, StreamGuardError
from stream_guard.inference import environment
from stream_guard.inference.engine import Engine, Prediction
from stream_guard.inference.faces import FrameFaces
from stream_guard.inference.registry import choose
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.sources.registry import open_source

__all__ = ["Play", "compare", "main", "play"]

LIMIT = 0.02
"""How far a face's score, 0 to 1, may be from that of another way. One grey level of 255 in a crop is allowed, and
half precision."""

_REFERENCE = "onnxruntime"


@dataclass(slots=True)
class Play:
    """One way through the recording.

    Attributes:
        way: in words.
        scores: of each face of each frame, 0 to 1.
        formats: pixel formats in which the engine was given frames, and how many; empty where it was given crops.
        stages_ms: medians.
    """

    way: str
    scores: dict[tuple[int, int], float] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    stages_ms: dict[str, float] = field(default_factory=dict)


async def play(way: str, clip: Path, engine: type[Engine], *, cuts: bool) -> Play:
    """Look at every frame of a recording.

    Args:
        way: in words.
        clip: the recording.
        engine: is installed.
        cuts: False gives it crops, whatever it can do.

    Raises:
        StreamGuardError: the engine does not run, or another one had to take over.
    """
    played, watch = Play(way), Stopwatch()
    with _watched(engine, played, cuts=cuts):
        async with Runtime(Config.make(engine=engine.name)) as runtime:
            source = open_source(str(clip), clock=runtime.clock)
            pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=False), source, [watch])
            async for result in pipeline.results():
                if isinstance(result, Scored):
                    for face in result.update.faces:
                        if face.frame_score is not None:
                            played.scores[result.frame.sequence, face.id] = face.frame_score
            if runtime.engines.passed_over:
                raise EngineUnavailable(runtime.engines.reasons)
    played.stages_ms = {stage: round(float(np.median(times)), 3) for stage, times in watch.stages.items()}
    return played


def compare(one: Play, other: Play) -> float:
    """Return the largest difference of two ways' scores; infinite where they did not score the same faces."""
    if not one.scores or one.scores.keys() != other.scores.keys():
        return float("inf")
    return max(abs(score - other.scores[key]) for key, score in one.scores.items())


def main(arguments: list[str] | None = None) -> int:
    """Run it; the exit code is 1 where the scores differ too much or an engine fails, 2 where none cuts here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", default="tensorrt", help="one that cuts faces out by itself")
    parser.add_argument("--faces", type=int, default=9, help="callers in the gallery")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the recording")
    parser.add_argument("--json", type=Path, help="write the figures, with the machine's record")
    wanted = parser.parse_args(arguments)
    console = Console()
    try:
        engine = choose(wanted.engine)
    except EngineUnavailable as error:
        console.print(f"not measured: {error}", markup=False)
        return 2
    if not engine.cuts:
        console.print(f"not measured: {engine.name} is given crops in any case", markup=False)
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder, console.status("play"):
            clip = Path(folder) / "call.mp4"
            make(clip, Shape(faces=wanted.faces), seconds=wanted.seconds)
            plays = [
                asyncio.run(play(f"{engine.name}, which cuts", clip, engine, cuts=True)),
                asyncio.run(play(f"{engine.name}, given crops", clip, engine, cuts=False)),
                asyncio.run(play(_REFERENCE, clip, choose(_REFERENCE), cuts=False)),
            ]
    except StreamGuardError as error:
        console.print(f"failed: {error}", markup=False)
        return 1
    cutting, *others = plays
    apart = {other.way: compare(cutting, other) for other in others}
    for one in plays:
        told = ", ".join(f"{stage} {one.stages_ms.get(stage, 0.0):.2f}" for stage in ("convert", "align", "infer"))
        far = f"; at most {apart[one.way]:.4f} away from the first" if one.way in apart else ""
        console.print(f"{one.way}: {len(one.scores)} scores{far}; median ms: {told}", markup=False)
    as_asked = "yuv420p" in cutting.formats and "yuv420p" not in others[0].formats
    passed = as_asked and max(apart.values()) <= LIMIT
    console.print(f"frames as {dict(cutting.formats)}: {'passed' if passed else 'FAILED'}", markup=False)
    if wanted.json is not None:
        rows = [{"way": one.way, "scores": len(one.scores), "stages_ms": one.stages_ms} for one in plays]
        machine = asdict(environment.describe())
        record = {"machine": machine, "formats": cutting.formats, "apart": apart, "rows": rows}
        wanted.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0 if passed else 1


@contextmanager
def _watched(engine: type[Engine], played: Play, *, cuts: bool) -> Iterator[None]:
    """Note down in which formats an engine is given frames."""
    cut = engine.infer_cuts

    def counted(self: Any, frames: Sequence[FrameFaces]) -> Prediction:
        for frame in frames:
            played.formats[frame.planes.pixel_format] += 1
        return cut(self, frames)

    with patch.object(engine, "cuts", cuts), patch.object(engine, "infer_cuts", counted):
        yield


if __name__ == "__main__":
    sys.exit(main())
