"""Does a bad network make real people look synthetic? Real clips, real WebRTC, the real model.

``python -m benchmarks.network --data videos/labels.csv --json network.json --plot network.png``. Each clip is sent
as VP8 through a relay that harms it, in real time, and judged by the pipeline on the time line of its arrival.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.network.damage import DAMAGES, HAPPENS_AT_S, LASTS_S, Damage
from benchmarks.network.judged import judge, summary
from benchmarks.network.plot import draw
from benchmarks.network.received import Received, adapting_encoder, as_before, pictures, receive
from stream_guard.app import Runtime
from stream_guard.config import Config
from stream_guard.errors import SourceError, StreamGuardError
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.inference.environment import describe
from stream_guard.models.calibration import track_settings
from stream_guard.scoring.session import Session, SessionSettings

PER_HOUR = (1.0, 6.0)
"""False alarms an hour that are asked for: as shipped, and so many that they can be counted in minutes."""


def chosen(clips: list[Clip], count: int) -> list[Clip]:
    """Return real clips, of each group in turn."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.label == "real":
            groups.setdefault(clip.group, []).append(clip)

    def in_turn() -> Iterator[Clip]:
        for number in range(max(map(len, groups.values()))):
            yield from (group[number] for group in groups.values() if number < len(group))

    return list(in_turn())[:count]


async def measure(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Play every clip through every network; returns the calls' figures by the network's name.

    What is known is kept after every clip.
    """
    clips = chosen(find_clips(options.data), options.clips)
    damages = [one for one in DAMAGES if not options.only or one.name in options.only]
    told: dict[str, list[dict[str, Any]]] = {damage.name: [] for damage in damages}
    at_once = asyncio.Semaphore(options.at_once)

    async def one(shown: list[Any], damage: Damage, seed: int) -> Received:
        async with at_once:
            return await receive(shown, damage, length_s=options.seconds, seed=seed)

    async with Runtime(Config.make(threads=1)) as runtime:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("calls", total=len(clips) * len(damages))
            for seed, clip in enumerate(clips, 1):
                shown = await asyncio.to_thread(pictures, clip, options.seconds)
                calls = [asyncio.create_task(one(shown, damage, seed)) for damage in damages]
                for damage, call in zip(damages, calls, strict=True):
                    try:
                        received = await call
                    except SourceError as error:
                        told[damage.name].append({"clip": clip.path.name, "failed": str(error)})
                        continue
                    scorers = [
                        Session(SessionSettings(track_settings(runtime.manifest, false_alarms_per_hour=rate)))
                        for rate in PER_HOUR
                    ]
                    said = await judge(runtime, received, scorers)
                    figures = summary(received, said, length_s=options.seconds)
                    told[damage.name].append({"clip": clip.path.name, **figures})
                    bar.advance(task)
                keep(options, told)
    return told


def keep(options: argparse.Namespace, told: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Write down what is known so far, where that is wanted; returns each network's figures."""
    rows = {name: together(calls) for name, calls in told.items()}
    if options.json:
        document = {"machine": asdict(describe()), "as_before": options.as_before, "networks": rows, "calls": told}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.plot:
        draw(options.plot, rows)
    return rows


def together(calls: list[dict[str, Any]]) -> dict[str, float]:
    """Return one network's figures over all its calls."""
    whole = [call for call in calls if "failed" not in call]
    minutes = sum(call["seconds"] for call in whole) / 60 or 1.0
    judged_s = sum(call["judged_s"] for call in whole)
    llrs = [call["mean_llr"] for call in whole if call["mean_llr"] is not None]
    return {
        "calls": len(whole),
        "minutes": round(minutes, 2),
        "judged": round(judged_s / 60 / minutes, 3),
        "frozen": round(sum(call["frozen_s"] for call in whole) / 60 / minutes, 3),
        "longest_gap_s": max((call["longest_gap_s"] for call in whole), default=0.0),
        "stale": sum(call["stale"] for call in whole),
        "passed_over": sum(call["passed_over"] for call in whole),
        "damaged": sum(call["damaged"] for call in whole),
        "mean_llr": round(sum(llrs) / len(llrs), 3) if llrs else 0.0,
        **{
            f"{what}_at_{rate:g}": round(sum(call[key][number] for call in whole) / minutes / unit, 3)
            for number, rate in enumerate(PER_HOUR)
            for what, key, unit in (("alarms_a_minute", "alarms", 1), ("flagged", "flagged_s", 60))
        },
    }


def main() -> None:
    """Measure, print, keep and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV or folder of labelled clips")
    parser.add_argument("--clips", type=int, default=12, help="real clips, of each group in turn")
    parser.add_argument("--seconds", type=float, default=HAPPENS_AT_S + LASTS_S + 6, help="of each call")
    parser.add_argument("--at-once", type=int, default=3, help="calls at a time")
    parser.add_argument("--only", nargs="*", help="names of networks")
    parser.add_argument("--as-before", action="store_true", help="receive as aiortc does by itself")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    try:
        with adapting_encoder(), as_before() if options.as_before else nullcontext():
            told = asyncio.run(measure(options))
    except StreamGuardError as error:
        sys.exit(f"network: {error}")
    rows = keep(options, told)
    table = Table("network", *next(iter(rows.values())))
    for name, row in rows.items():
        table.add_row(name, *(f"{value:g}" for value in row.values()))
    Console(width=220).print(table)


if __name__ == "__main__":
    main()
