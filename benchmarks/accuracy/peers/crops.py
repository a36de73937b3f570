"""Crops of the labelled clips' faces, cut once for every view that a detector asks for, and kept on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import Clip, sample_frames
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.faces.align import crop_matrix, cut, landmark_box

__all__ = ["CropStore", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """How a detector wants to see a face.

    Attributes:
        size: side of the crop in pixels.
        margin: crop margin; the square's side is ``margin`` times the landmark box's longer side.
    """

    size: int
    margin: float


class CropStore:
    """The largest face of frames spread evenly over each clip, as several views, in files under one folder.

    Landmarks are found once a frame, whatever the number of views, so that every detector is asked about the same
    faces of the same frames. What an earlier run has cut is used again.
    """

    def __init__(self, folder: Path, clips: list[Clip], *, frames: int) -> None:
        """Keep the crops of these clips in ``folder``, ``frames`` a clip."""
        names = [f"{clip.path.resolve()} {clip.region} {clip.path.stat().st_mtime_ns}" for clip in clips]
        key = sha256("\n".join([str(frames), *names]).encode()).hexdigest()[:12]
        self._folder, self._clips, self._frames = folder / key, clips, frames

    def missing(self, views: list[View]) -> list[View]:
        """Return the views that `cut_views` has yet to cut."""
        return [view for view in dict.fromkeys(views) if not self._pixels(view).is_file()]

    def cut_views(self, views: list[View], landmarker: LargestFace) -> None:
        """Cut these views of every clip, or nothing where they are there already.

        A clip without a face, or one that cannot be decoded, counts no frames.
        """
        wanted = self.missing(views)
        if not wanted:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        crops: dict[View, list[NDArray[np.uint8]]] = {view: [] for view in wanted}
        counts = []
        for clip in self._clips:
            seen = 0
            for frame, landmarks in self._faces(clip, landmarker):
                box = landmark_box(landmarks)
                for view, cuts in crops.items():
                    matrix = crop_matrix(box, size=view.size, margin=view.margin)
                    cuts.append(cut(frame, matrix, size=view.size))
                seen += 1
            counts.append(seen)
        (self._folder / "counts.json").write_text(json.dumps(counts), encoding="utf-8")
        for view, cuts in crops.items():
            np.save(self._pixels(view), np.array(cuts, np.uint8).reshape(-1, view.size, view.size, 3))

    def view(self, view: View) -> list[tuple[Clip, NDArray[np.uint8]]]:
        """Return each clip with its crops, uint8, shape (n, size, size, 3), RGB; n is 0 where no face was found."""
        pixels = np.load(self._pixels(view), mmap_mode="r")
        counts = json.loads((self._folder / "counts.json").read_text(encoding="utf-8"))
        ends = np.cumsum(counts)
        return [
            (clip, pixels[end - count : end]) for clip, count, end in zip(self._clips, counts, ends, strict=True)
        ]

    def _faces(self, clip: Clip, landmarker: LargestFace) -> list[tuple[NDArray[np.uint8], Any]]:
        try:
            frames = list(sample_frames(clip, self._frames))
        except UnsupportedMedia:
            return []
        found = [(frame, landmarker.largest(frame)) for frame in frames]
        return [(frame, landmarks) for frame, landmarks in found if landmarks is not None]

    def _pixels(self, view: View) -> Path:
        return self._folder / f"{view.size}px-{view.margin:g}.npy"
