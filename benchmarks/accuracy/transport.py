"""Accuracy under transport: the same clips through a real WebRTC call, at falling bitrates and with packets lost.

``python -m benchmarks.accuracy.transport --data labels.csv --json out.json --picture out.png``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from stream_guard.errors import StreamGuardError
from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.pictures import draw_transport
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.evaluation.transport import SOURCE, Condition, Outcome, as_json, changes, under
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

TRANSPORT = (
    "VP8 by aiortc over 127.0.0.1 at a fixed bitrate; RTP packets lost at random, retransmissions too; "
    "no delay on the way"
)


def main() -> None:
    """Carry, score, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with real/ and fake/, or a CSV of clips")
    parser.add_argument("--model", type=Path, help="ONNX file, its manifest beside it; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task, if not the one stream-guard fetches")
    parser.add_argument("--frames", type=int, default=12, help="looked at in each clip")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip")
    parser.add_argument("--clips-per-group", type=int, help="the first so many of each group; all otherwise")
    parser.add_argument("--kbps", type=numbers, default=[1500, 600, 250], help="bitrates, with commas between")
    parser.add_argument("--loss", type=numbers, default=[0, 2, 5], help="packets lost in a hundred, likewise")
    parser.add_argument("--seed", type=int, default=0, help="of the packets that are lost")
    parser.add_argument("--json", type=Path, help="written anew after each condition")
    parser.add_argument("--picture", type=Path, help="such as transport.png, likewise")
    try:
        study(parser.parse_args())
    except StreamGuardError as error:
        sys.exit(f"transport: {error}")


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def study(options: argparse.Namespace) -> None:
    """Go through the conditions, the source first, and keep what is known after each."""
    cv2.setNumThreads(1)
    clips = first_of_each(find_clips(options.data), options.clips_per_group)
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    conditions = [SOURCE, *(Condition(round(k), p / 100) for p in options.loss for k in options.kbps)]
    console, outcomes = Console(), list[Outcome]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        loaded(onnx, manifest) as engine,
        FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("", total=len(conditions) * len(clips))
        for condition in conditions:
            progress.update(task, description=condition.name)
            outcomes.append(
                under(
                    clips,
                    condition,
                    predictor(engine),
                    LargestFace(mesh),
                    manifest,
                    frames=options.frames,
                    seconds=options.seconds,
                    rng=np.random.default_rng(options.seed),
                    progress=lambda clip: progress.advance(task),
                )
            )
            if options.json:
                model = {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256}
                how = {"frames": options.frames, "seconds": options.seconds, "seed": options.seed}
                write(options.json, {"model": model, "transport": TRANSPORT, **how}, outcomes)
            if options.picture:
                draw(options.picture, outcomes, conditions)
    console.print(passages(outcomes), figures(outcomes), losses(outcomes))


def first_of_each(clips: list[Clip], most: int | None) -> list[Clip]:
    """Return the first so many clips of each group, in their order."""
    seen, kept = Counter[str](), []
    for clip in clips:
        seen[clip.group] += 1
        if most is None or seen[clip.group] <= most:
            kept.append(clip)
    return kept


def write(path: Path, about: dict[str, Any], outcomes: list[Outcome]) -> None:
    values = {**about, "conditions": [as_json(outcome, outcomes[0]) for outcome in outcomes]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def draw(path: Path, outcomes: list[Outcome], conditions: list[Condition]) -> None:
    """Draw one panel for each packet loss; what is not measured yet is left open."""
    known = {outcome.condition: {row.group: row.auc for row in outcome.rows} for outcome in outcomes}
    losses = list(dict.fromkeys(condition.loss for condition in conditions if condition.kbps))
    rates = list(dict.fromkeys(condition.kbps for condition in conditions if condition.kbps))
    lines = {
        group: [
            [known.get(condition, {}).get(group) for condition in (SOURCE, *(Condition(k, loss) for k in rates))]
            for loss in losses
        ]
        for group in known[SOURCE]
    }
    titles = [f"{100 * loss:g} % of packets lost" for loss in losses]
    draw_transport(titles, ["source", *(f"{k}\nkb/s" for k in rates)], lines, path)


def passages(outcomes: list[Outcome]) -> Table:
    """Return what the call did to the clips."""
    table = Table("condition", "kb/s", "one clip's", "clips off", "frames arrived", "freezes", "frozen",
                  "packets", "lost", title="on the way")  # fmt: skip
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for outcome in outcomes:
        if (it := outcome.measured) is not None:
            table.add_row(
                outcome.condition.name,
                f"{it.kbps:.0f}" + ("\nOFF TARGET" if it.off_target else ""),
                f"{it.lowest_kbps:.0f} to {it.highest_kbps:.0f}",
                f"{it.clips_off_target} of {it.clips}",
                f"{it.received} of {it.sent}",
                str(it.freezes),
                f"{it.frozen_s / it.seconds:.1%}",
                str(it.packets),
                f"{it.dropped / it.packets:.1%}" if it.packets else "",
            )
    return table


def figures(outcomes: list[Outcome]) -> Table:
    """Return clip AUC by condition and group, and the share of pairs won where there are any."""
    groups = [row.group for row in outcomes[0].rows]
    table = Table("condition", *groups, "pairs won", title="clip AUC, 95 % intervals")
    table.columns[0].no_wrap = True
    for outcome in outcomes:
        rows = {row.group: row for row in outcome.rows}
        cells = [show(rows[group].auc) if group in rows else "" for group in groups]
        won = [f"{row.pairs_won:.0%}" for row in rows.values() if row.pairs_won is not None and row.group != "all"]
        table.add_row(outcome.condition.name, *cells, ", ".join(won))
    return table


def losses(outcomes: list[Outcome]) -> Table:
    """Return what each condition costs against the source, the same clips drawn for both."""
    groups = [row.group for row in outcomes[0].rows]
    table = Table("condition", *groups, title="change of clip AUC against the source")
    table.columns[0].no_wrap = True
    for outcome in outcomes[1:]:
        change = changes(outcomes[0], outcome)
        cells = [show(change[group], "+.2f") if group in change else "" for group in groups]
        table.add_row(outcome.condition.name, *cells)
    return table


def show(estimate: Estimate, form: str = ".2f") -> str:
    """Return a figure with its interval below it: side by side, five groups would not fit a terminal."""
    value, low, high = (format(one, form) for one in asdict(estimate).values())
    return f"{value}\n{low} to {high}"


if __name__ == "__main__":
    main()
