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

from benchmarks.accuracy.cue_footage import look
from benchmarks.accuracy.cue_measures import CUES
from stream_guard.errors import StreamGuardError, UnsupportedMedia
from stream_guard.evaluation.accuracy import auc
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

DETECTOR = "detector"

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


def measure(clips: list[Clip], kbps: int | None, options: argparse.Namespace) -> dict[str, Means]:
    """Return every cue's mean over every clip."""
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    found: dict[str, Means] = {cue: {} for cue in CUES}
    with loaded(onnx, manifest) as engine, FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
        for clip in progress(clips, description="as filmed" if kbps is None else f"VP8 {kbps} kb/s"):
            try:
                series = look(clip, kbps, predictor(engine), LargestFace(mesh), manifest, options.cache)
            except UnsupportedMedia as error:
                print(error)
                continue
            for cue, values in ((cue, measured(series)) for cue, measured in CUES.items()):
                if np.isfinite(values).any():
                    found[cue][clip.path, clip.label] = float(np.nanmean(values))
    return found


def tell(rows: list[Worth]) -> None:
    table = Table("cue", "kb/s", "pairs", "AUC, clips", "pairs won", "added to the detector")
    for row in rows:
        rate = "as filmed" if row.kbps is None else str(row.kbps)
        table.add_row(row.cue, rate, str(row.pairs), f"{row.auc:.2f}", str(row.won), f"{row.added:+.2f}")
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
        for kbps in (None, *options.kbps):
            found = measure(clips, kbps, options)
            rows += [row for cue in CUES if (row := worth(cue, kbps, found[cue], found[DETECTOR])) is not None]
    except StreamGuardError as error:
        sys.exit(f"cues: {error}")
    tell(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
