"""From a folder of pictures to a shard of faces with landmarks. Done once; training then only maps a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.faces.align import landmark_box
from stream_guard.training.shard import PreparedFace, Shard, ShardWriter

__all__ = ["find_pictures", "person_of", "prepare", "surroundings"]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
_SMALLEST, _LARGEST = 56, 320
_NUMBER = re.compile(r"_\d{1,5}$")
_AROUND = 2.2
"""The stored square over the face's longer side: the model's crop, its jitter and the codec's edges fit in."""


def find_pictures(folder: Path) -> list[Path]:
    """Return every picture below a folder, sorted.

    Raises:
        ConfigError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not pictures:
        raise ConfigError(f"there are no pictures in {folder}")
    return pictures


def person_of(picture: Path, folder: Path) -> tuple[str, str]:
    """Return the set and the person a picture shows, both from its path.

    ``set/person/any.jpg`` names the person by folder; ``set/Name_0001.jpg`` by file, without the number.
    """
    parts = picture.relative_to(folder).parts
    source = parts[0] if len(parts) > 1 else folder.name
    person = parts[-2] if len(parts) > 2 else _NUMBER.sub("", picture.stem)
    return source, f"{source}/{person}"


def surroundings(rgb: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> PreparedFace | None:
    """Cut the face with what surrounds it out of its picture, or return None where it is too small.

    Faces above 320 px are shrunk to that; nothing else is resampled.
    """
    box = landmark_box(landmarks)
    side = max(box.width, box.height)
    if min(box.width, box.height) < _SMALLEST:
        return None
    x, y = box.centre
    left, top = max(0, round(x - side * _AROUND / 2)), max(0, round(y - side * _AROUND / 2))
    cut = rgb[top : round(y + side * _AROUND / 2), left : round(x + side * _AROUND / 2)]
    landmarks = landmarks - np.array([left, top], np.float32)
    if side > _LARGEST:
        scale = _LARGEST / side
        cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        landmarks = landmarks * scale
    return PreparedFace(cut, landmarks.astype(np.float32))


def prepare(
    folder: Path,
    out: Path,
    landmarker: LargestFace,
    *,
    progress: Callable[[int, int], None] = lambda done, all: None,
) -> Shard:
    """Find the face in every picture and write the shard. Pictures without a usable face are left out.

    Args:
        folder: pictures, in sub-folders as `person_of` reads them.
        out: where the shard goes.
        landmarker: finds the faces.
        progress: is told pictures done and pictures in all.

    Raises:
        ConfigError: no folder, no pictures, or no usable face in any.
    """
    pictures = find_pictures(folder)
    with ShardWriter(out) as writer:
        for done, picture in enumerate(pictures, 1):
            face = _read(picture, landmarker)
            if face is not None:
                source, person = person_of(picture, folder)
                writer.add(face, source=source, person=person, file=str(picture.relative_to(folder)))
            progress(done, len(pictures))
    shard = Shard(out)
    if not len(shard):
        raise ConfigError(f"no face of {_SMALLEST} px or more was found in {folder}")
    return shard


def _read(picture: Path, landmarker: LargestFace) -> PreparedFace | None:
    bgr = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    # The detector misses faces that fill the picture, as in sets of tight crops: give it some air.
    air = max(rgb.shape) // 4
    padded = cv2.copyMakeBorder(rgb, air, air, air, air, cv2.BORDER_REPLICATE)
    landmarks = landmarker.largest(padded)
    return None if landmarks is None else surroundings(rgb, landmarks - air)
