"""Every frame of a clip, as cues need it that look at each one: blinks, hops, frozen and repeated pictures.

``python -m benchmarks.accuracy.cue_frames --data videos/labels.csv --cache cues`` looks at all clips, as filmed and
after VP8, and keeps what it saw. `cue_footage` keeps five moments a second in more detail.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from benchmarks.accuracy.cue_footage import compressed, frames
from stream_guard.errors import StreamGuardError, UnsupportedMedia
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

LONGEST_S = 8.0
"""Of a clip."""

SIDE = 96
"""Of the upright picture of a face: its middle half is the inner face."""

_EYES = (33, 263)
_SMALL = 256, 144


@dataclass(frozen=True, eq=False)
class Frames:
    """One clip under one condition, frame by frame.

    Attributes:
        points: float32, shape (n, 478, 2): landmarks in pixels; NaN where no face was found.
        upright: uint8, shape (n, 96, 96): grey; the outer corners of the eyes lie 0.23 of the side apart.
        small: uint8, shape (n, 144, 256): the whole picture's green channel.
        fps: of the clip.
    """

    points: NDArray[np.float32]
    upright: NDArray[np.uint8]
    small: NDArray[np.uint8]
    fps: float


def every_frame(clip: Clip, kbps: int | None, mesh: LargestFace, cache: Path) -> Frames:
    """Return a clip's frames, from their file where they were looked at before.

    Raises:
        UnsupportedMedia: no face is in the clip.
    """
    name = f"{clip.path.resolve()} {clip.region} {kbps} {LONGEST_S} {SIDE}"
    file = cache / f"frames-{hashlib.sha256(name.encode()).hexdigest()[:24]}.npz"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        seen = _look(clip, kbps, mesh)
        part = file.with_suffix(".part.npz")
        np.savez(part, **{name: getattr(seen, name) for name in Frames.__annotations__})
        part.rename(file)
    with np.load(file) as kept:
        return Frames(kept["points"], kept["upright"], kept["small"], float(kept["fps"]))


def _look(clip: Clip, kbps: int | None, mesh: LargestFace) -> Frames:
    fps, pictures = frames(clip, LONGEST_S)
    if kbps is not None:
        pictures = compressed(pictures, kbps, fps)
    points: list[NDArray[np.float32]] = []
    upright: list[NDArray[np.uint8]] = []
    small: list[NDArray[np.uint8]] = []
    for rgb in pictures:
        found = mesh.largest(rgb)
        seen = found is not None and bool(np.isfinite(found).all())
        points.append(found if found is not None and seen else np.full((478, 2), np.nan, np.float32))
        upright.append(_upright(rgb, points[-1]) if seen else np.zeros((SIDE, SIDE), np.uint8))
        small.append(cv2.resize(np.ascontiguousarray(rgb[..., 1]), _SMALL, interpolation=cv2.INTER_AREA))
    if not any(np.isfinite(one).all() for one in points):
        raise UnsupportedMedia(f"no face in {clip.path}")
    return Frames(np.stack(points), np.stack(upright), np.stack(small), fps)


def _upright(rgb: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    source = points[list(_EYES)].astype(np.float64)
    target = np.array([[0.385, 0.43], [0.615, 0.43]]) * SIDE
    turn = complex(*(target[1] - target[0])) / complex(*(source[1] - source[0]))
    matrix = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0]])
    matrix[:, 2] = target[0] - matrix[:, :2] @ source[0]
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    sigma = 0.4 / abs(turn)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma) if sigma > 0.4 else grey
    return np.asarray(cv2.warpAffine(smooth, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def main() -> None:
    """Look at all clips."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CSV with both halves of each pair")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was looked at: some gigabytes")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--kbps", type=int, nargs="*", default=[250, 600, 1500], help="VP8's bitrates")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        clips = [clip for clip in find_clips(options.data) if clip.region != "whole" or clip.label == "real"]
        with FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
            for kbps in (None, *options.kbps):
                for clip in progress(clips, description="as filmed" if kbps is None else f"VP8 {kbps} kb/s"):
                    every_frame(clip, kbps, LargestFace(mesh), options.cache)
    except StreamGuardError as error:
        sys.exit(f"cue_frames: {error}")


if __name__ == "__main__":
    main()
