"""Do a collapsing bitrate and lost frames look like a swap to the change cue? Real halves, no swap anywhere.

``python -m benchmarks.accuracy.collapse --data videos/labels.csv --cache cues``. The last column is what the
product does where it is told of another way (`stream_guard.evidence.route`): each part is compared with itself.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from benchmarks.accuracy.cue_footage import PAIRS_A_SECOND, look
from stream_guard.errors import StreamGuardError
from stream_guard.evaluation.clips import find_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.playback import alarms
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store
from stream_guard.models.calibration import track_settings

BEFORE_S, AFTER_S = 20.0, 30.0

_OUT_OF_REACH = 50.0
"""A `rise` that the level never reaches: the change cue is alone."""


def looped(llrs: NDArray[np.float32], seconds: float) -> NDArray[np.float64]:
    """Return a series played forth and back for so long."""
    turn = np.arange(round(seconds * PAIRS_A_SECOND)) % (2 * len(llrs))
    return llrs[np.where(turn < len(llrs), turn, 2 * len(llrs) - 1 - turn)].astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV with both halves of each pair")
    parser.add_argument("--cache", type=Path, required=True, help="the folder of `cues`")
    parser.add_argument("--model", type=Path, help="ONNX file; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--kbps", type=int, nargs="*", default=[1500, 600, 250], help="VP8's bitrates")
    parser.add_argument("--per-hour", type=float, default=1.0, help="false alarms an hour that are asked for")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    track = track_settings(manifest, false_alarms_per_hour=options.per_hour)
    track = replace(track, verdict=replace(track.verdict, rise=_OUT_OF_REACH))
    table = Table("from, kb/s", "to, kb/s", "faces", "mean shift", "largest", "alarms", "with a new past")
    ways: list[tuple[int | None, bool]] = [(None, False)]
    ways += [(kbps, lossy) for lossy in (False, True) for kbps in options.kbps]
    try:
        clips = [clip for clip in find_clips(options.data) if clip.region == "left"]
        with loaded(onnx, manifest) as engine, FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
            seen = {
                (clip.path, way): look(
                    clip, way[0], predictor(engine), LargestFace(mesh), manifest, options.cache, lossy=way[1]
                ).llrs
                for clip in progress(clips, description="looking")
                for way in ways
            }
    except StreamGuardError as error:
        sys.exit(f"collapse: {error}")
    at_s = np.arange(round((BEFORE_S + AFTER_S) * PAIRS_A_SECOND)) / PAIRS_A_SECOND
    for before, after in permutations(ways, 2):
        shifts, raised, anew = [], 0, 0
        for clip in clips:
            first, second = seen[clip.path, before], seen[clip.path, after]
            shifts.append(float(second.mean() - first.mean()))
            llrs = np.concatenate([looped(first, BEFORE_S), looped(second, AFTER_S)])
            raised += len(alarms(at_s, llrs, track))
            changes = round(BEFORE_S * PAIRS_A_SECOND)
            parts = slice(changes), slice(changes, None)
            anew += sum(len(alarms(at_s[part], llrs[part], track)) for part in parts)
        names = ["as filmed" if kbps is None else f"{kbps}{', lossy' * lossy}" for kbps, lossy in (before, after)]
        table.add_row(
            *names, str(len(shifts)), f"{np.mean(shifts):+.2f}", f"{max(shifts):+.2f}", str(raised), str(anew)
        )
    Console().print(table)


if __name__ == "__main__":
    main()
