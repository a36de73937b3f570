"""How often real faces count as changed, an hour of call, by the change cue's alarm level.

``python -m benchmarks.accuracy.change --data videos/labels.csv --cache seen.json``
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.accuracy.watched import watch_all
from stream_guard.evaluation.drift import changes_per_hour, fit_drift
from stream_guard.evaluation.footage import RATE
from stream_guard.evaluation.intervals import poisson_interval
from stream_guard.evidence.shift import ShiftSettings

LEVELS = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0, 70.0, 80.0)
CALL_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled clips")
    parser.add_argument("--model", type=Path, help="ONNX file; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--hours", type=float, default=40.0, help="of call, for each group of footage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="keep what was seen in this JSON file")
    options = parser.parse_args()
    _, footage = watch_all(options.data, options.model, options.landmarker, rate=RATE, cache=options.cache)
    drifts = fit_drift(footage, rate=RATE)
    console, table = Console(), Table("group", "clips", "quick: variance", "correlation, s", "slow: variance")
    for one in drifts:
        table.add_row(one.group, str(one.clips), f"{one.fast:.2f}", f"{one.fast_s:.2f}", f"{one.slow:.2f}")
    console.print(table)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("calls", total=len(drifts) * round(options.hours * 3600 / CALL_S))
        rates = changes_per_hour(
            drifts,
            LEVELS,
            replace(ShiftSettings(), alarm=10 * max(LEVELS)),
            np.random.default_rng(options.seed),
            hours=options.hours,
            call_s=CALL_S,
            progress=lambda calls: bar.advance(task, calls),
        )
    found = Table("alarm, nats", "an hour, groups alike", "95 %", *(one.group for one in drifts))
    hours = options.hours * len(drifts)
    for level, row in zip(LEVELS, rates.T, strict=True):
        low, high = poisson_interval(round(float(row.mean()) * hours))
        found.add_row(
            f"{level:g}",
            f"{row.mean():.2f}",
            f"{low / hours:.2f} to {high / hours:.2f}",
            *(f"{r:.2f}" for r in row),
        )
    console.print(found)


if __name__ == "__main__":
    main()
