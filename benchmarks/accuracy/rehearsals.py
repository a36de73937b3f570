"""How often a rehearsal's test swap raises the alarm, and how soon: real clips as somebody's own picture.

``python -m benchmarks.accuracy.rehearsals --data videos/labels.csv``

Each clip is played forth and back at ten frames a second: four seconds as it is, then eight seconds swapped.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from pathlib import Path
from statistics import median

import cv2
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.accuracy.challenge_clips import ClipSource
from stream_guard.app import Runtime
from stream_guard.config import Config
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.protocol.messages import Rehearsal
from stream_guard.scoring.observation import EventKind
from stream_guard.server.rehearsal import Rehearsals

RATE = 10.0
BEFORE_S, SWAPPED_S, AFTER_S = 4.0, 8.0, 3.0


async def rehearse(runtime: Runtime, clip: Clip) -> tuple[Rehearsal | None, int]:
    """Return the result, and how many alarms the session itself told of."""
    said: list[Rehearsal] = []
    rehearsals = Rehearsals(said.append, rise=runtime.track.verdict.rise)
    source = ClipSource(clip, rate=RATE, seconds=BEFORE_S + SWAPPED_S + AFTER_S)
    info = SessionInfo("c1", "file", clip.path.name, live=False)
    staged, scorer = rehearsals.stage(info, source, runtime.scorer(live=False))
    alarms = 0
    pipeline = runtime.pipeline(info, staged, scorer=scorer)
    async for result in pipeline.results():
        if not isinstance(result, Scored):
            continue
        alarms += sum(event.kind is EventKind.ALARM_RAISED for event in result.update.events)
        rehearsals.frame_scored(info, result)
        if not said and result.at_s >= BEFORE_S:
            rehearsals.begin(None, SWAPPED_S)
    return (said[-1] if said else None), alarms


async def measure(clips: list[Clip]) -> None:
    console = Console()
    found: dict[str, list[Rehearsal]] = defaultdict(list)
    own_alarms: dict[str, int] = defaultdict(int)
    async with Runtime(Config.make(max_faces=2)) as runtime:
        for clip in track(clips, "clips", console=console, transient=True):
            result, alarms = await rehearse(runtime, clip)
            own_alarms[clip.group] += alarms
            if result is not None:
                found[clip.group].append(result)
                if result.alarmed_after_s is None:
                    console.print(f"{clip.group}/{clip.path.name}: {' '.join(result.words)}")
    table = Table("clips", "rehearsals", "alarmed", "seconds: median, longest", "alarms told as true ones")
    for group, results in found.items():
        took = [one.alarmed_after_s for one in results if one.alarmed_after_s is not None]
        times = f"{median(took):.1f}, {max(took):.1f}" if took else ""
        table.add_row(group, str(len(results)), str(len(took)), times, str(own_alarms[group]))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled clips; the real ones are played")
    cv2.setNumThreads(1)
    asyncio.run(measure([clip for clip in find_clips(parser.parse_args().data) if clip.label == "real"]))


if __name__ == "__main__":
    main()
