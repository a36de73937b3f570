"""What each cue over time is worth: alone, within pairs, and added to the detector; as filmed and after VP8.

``python -m benchmarks.accuracy.cues --data videos/labels.csv --cache cues``
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from benchmarks.accuracy.cue_footage import Series, look
from benchmarks.accuracy.cue_frames import every_frame
from benchmarks.accuracy.cue_jump import Hops, hops
from benchmarks.accuracy.cue_measures import CUES
from benchmarks.accuracy.cue_motion import MOTION
from stream_guard.errors import StreamGuardError, UnsupportedMedia
from stream_guard.evaluation.accuracy import auc
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

DETECTOR = "detector"

HOPS = (5.0, 10.0, 20.0, 40.0)
"""Levels for the face hop: a difference of two frames over the face's own median."""

Means = dict[tuple[Path, str], float]
"""A cue's mean over each clip, by file and label."""


@dataclass(frozen=True, slots=True)
class Worth:
    """One cue under one condition, on the pairs.

    Attributes:
        kbps: VP8 at that rate; None as filmed.
        pairs: files with both halves measured.
        auc: of clips.
        won: pairs in which the swapped half is above the real one.
        added: AUC of the detector's and the cue's ranks added up, over that of the detector alone.
    """

    cue: str
    kbps: int | None
    pairs: int
    auc: float
    won: int
    added: float


def worth(cue: str, kbps: int | None, means: Means, detector: Means) -> Worth | None:
    """Return what a cue is worth; None where no pair was measured.

    Ranks are added because they need no fit: with fourteen pairs, weights would be chosen by luck.
    """
    files = sorted({path for path, _ in means if {(path, "real"), (path, "fake")} <= means.keys()})
    if not files:
        return None
    keys = [(path, label) for label in ("real", "fake") for path in files]
    half = len(files)
    own, base = (np.array([one[key] for key in keys]) for one in (means, detector))
    both = _ranks(own) + _ranks(base)
    alone = auc(base[:half], base[half:])
    return Worth(
        cue,
        kbps,
        half,
        auc(own[:half], own[half:]),
        int((own[half:] > own[:half]).sum()),
        auc(both[:half], both[half:]) - alone,
    )


def measure(
    clips: list[Clip], kbps: int | None, options: argparse.Namespace
) -> tuple[dict[str, Means], list[Hops]]:
    """Return every cue's mean over every clip, and what the face hop is worth at each level."""
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    found: dict[str, Means] = {cue: {} for cue in (*CUES, *MOTION)}
    kept: dict[tuple[Path, str], Series] = {}
    with loaded(onnx, manifest) as engine, FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
        for clip in progress(clips, description="as filmed" if kbps is None else f"VP8 {kbps} kb/s"):
            try:
                series = look(clip, kbps, predictor(engine), LargestFace(mesh), manifest, options.cache)
            except UnsupportedMedia as error:
                print(error)
                continue
            kept[clip.path, clip.label] = series
            for cue, values in ((cue, measured(series)) for cue, measured in CUES.items()):
                if np.isfinite(values).any():
                    found[cue][clip.path, clip.label] = float(np.nanmean(values))
            moved = every_frame(clip, kbps, LargestFace(mesh), options.cache)
            for cue, number in ((cue, measured(moved)) for cue, measured in MOTION.items()):
                if np.isfinite(number):
                    found[cue][clip.path, clip.label] = number
    files = [path for path, label in kept if label == "real" and (path, "fake") in kept]
    pairs = [(kept[path, "real"], kept[path, "fake"]) for path in files]
    real = [series for (_, label), series in kept.items() if label == "real"]
    return found, [hops(real, pairs, above=level) for level in HOPS] if pairs else []


def tell(rows: list[Worth]) -> None:
    table = Table("cue", "kb/s", "pairs", "AUC, clips", "pairs won", "added to the detector")
    for row in rows:
        rate = "as filmed" if row.kbps is None else str(row.kbps)
        table.add_row(row.cue, rate, str(row.pairs), f"{row.auc:.2f}", str(row.won), f"{row.added:+.2f}")
    Console().print(table)


def tell_hops(jumps: dict[int | None, list[Hops]]) -> None:
    table = Table("face hop", "kb/s", "AUC, frames", "switches found", "false an hour", "ordinary frames")
    for kbps, levels in jumps.items():
        for one in levels:
            rate = "as filmed" if kbps is None else str(kbps)
            false = f"{one.false_an_hour:.0f}"
            table.add_row(
                f"above {one.above:g}", rate, f"{one.auc:.2f}", f"{one.found:.0%}", false, str(one.frames)
            )
    Console().print(table)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.argsort().argsort().astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV with both halves of each pair")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was looked at: some gigabytes")
    parser.add_argument("--model", type=Path, help="ONNX file; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--kbps", type=int, nargs="*", default=[1500, 600, 250], help="VP8's bitrates")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        clips = [clip for clip in find_clips(options.data) if clip.region != "whole"]
        rows: list[Worth] = []
        jumps: dict[int | None, list[Hops]] = {}
        for kbps in (None, *options.kbps):
            found, jumps[kbps] = measure(clips, kbps, options)
            rows += [row for cue in found if (row := worth(cue, kbps, found[cue], found[DETECTOR])) is not None]
    except StreamGuardError as error:
        sys.exit(f"cues: {error}")
    tell(rows)
    tell_hops(jumps)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
