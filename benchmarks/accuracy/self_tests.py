"""How far a self-test says that real people's scores move: real clips as somebody's own picture, sent like calls.

``python -m benchmarks.accuracy.self_tests --data videos/labels.csv``

Five seconds of each clip, fifteen frames a second, through VP8 at three bitrates, as calls of the clip's own size
and thirty frames a second.
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

from benchmarks.accuracy.challenge_clips import ClipSource, results
from stream_guard.app import Runtime
from stream_guard.config import Config
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.pipeline.observers import Scored
from stream_guard.pipeline.self_test import Finding
from stream_guard.sources.re_encode import VideoSetting

RATE, SECONDS = 15.0, 6.0
CALL_FPS = 30.0
KBPS = (250, 600, 1500)


async def self_test(runtime: Runtime, frames: list[Scored], kbps: float) -> Finding:
    """Return what a self-test says of frames, sent like a call of their size at a bitrate."""
    width, height = frames[0].frame.width, frames[0].frame.height
    test = runtime.self_test(VideoSetting("VP8", width, height, CALL_FPS, kbps))
    running = asyncio.create_task(test.run())
    for scored in frames:
        while test.waiting:  # noqa: ASYNC110  it is the encoder's thread that takes it
            await asyncio.sleep(0.001)
        test.offer(scored)
    return await running


async def measure(clips: list[Clip]) -> None:
    console = Console()
    found: dict[int, list[Finding]] = defaultdict(list)
    async with Runtime(Config.make(max_faces=2)) as runtime:
        for clip in track(clips, "clips", console=console, transient=True):
            frames = [scored async for scored in results(runtime, ClipSource(clip, rate=RATE, seconds=SECONDS))]
            for kbps in KBPS:
                finding = await self_test(runtime, frames, kbps)
                found[kbps].append(finding)
                if finding.figures is not None:
                    moved, margin = finding.figures.moved, finding.figures.margin
                    words = f"{moved:+.2f} ± {margin:.2f}, {finding.reached_kbps:.0f} kb/s reached"
                    console.print(f"{clip.group}/{clip.path.name} at {kbps} kb/s: {words}")
    console.print(_table(found))


def _table(found: dict[int, list[Finding]]) -> Table:
    heads = "kb/s", "clips", "reached, median", "off by a third", "refused after", "moved, median", "from", "to"
    table = Table(*heads, "by 0.5 and more")
    for kbps, findings in found.items():
        told = [one.figures for one in findings if one.figures is not None]
        reached = [one.reached_kbps for one in findings if one.reached_kbps is not None]
        moved = [one.moved for one in told]
        before = sum(one.with_face for one in findings)
        refused = sum(one.refused.total() for one in findings)
        table.add_row(
            str(kbps),
            f"{len(told)} of {len(findings)}",
            f"{median(reached):.0f}",
            str(sum(abs(one / kbps - 1) > 1 / 3 for one in reached)),
            f"{refused / before:.0%}",
            f"{median(moved):+.2f}",
            f"{min(moved):+.2f}",
            f"{max(moved):+.2f}",
            str(sum(abs(one) >= 0.5 for one in moved)),
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled clips; the real ones are sent")
    parser.add_argument("--group", help="of these clips alone, such as talking_head")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    clips = [clip for clip in find_clips(wanted.data) if clip.label == "real"]
    asyncio.run(measure([clip for clip in clips if wanted.group in (None, clip.group)]))


if __name__ == "__main__":
    main()
