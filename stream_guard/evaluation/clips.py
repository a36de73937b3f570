"""Labelled clips and the faces in them: what a detector is evaluated on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError, UnsupportedMedia
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.faces.align import crop_matrix, cut, landmark_box

__all__ = ["Clip", "face_crops", "find_clips", "labelled_part", "sample_frames"]

Label = Literal["real", "fake"]
Region = Literal["whole", "left", "right"]
_SUFFIXES = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A video, or a picture, that is known to be real or fake.

    Attributes:
        path: the file.
        label: what it is.
        group: figures are given for each group.
        region: the part of the frame the label speaks of.
    """

    path: Path
    label: Label
    group: str
    region: Region = "whole"


def find_clips(data: Path) -> list[Clip]:
    """Return the clips of a folder with ``real/`` and ``fake/``, or of a CSV ``path,label,group[,region]``.

    In a folder, a sub-folder of ``fake/`` or ``real/`` names the group. In a CSV, paths are relative to it.

    Raises:
        ConfigError: neither, a row that cannot be read, a missing file, or one of the labels is absent.
    """
    if data.is_dir():
        clips = _from_folder(data)
    elif data.is_file():
        clips = _from_csv(data)
    else:
        raise ConfigError(f"there is no folder or CSV file {data}")
    for label in ("real", "fake"):
        if not any(clip.label == label for clip in clips):
            raise ConfigError(f"{data} has no {label} clips: both real and fake are needed")
    return clips


def _from_folder(folder: Path) -> list[Clip]:
    labels: tuple[Label, ...] = ("real", "fake")
    return [
        Clip(path, label, "/".join(path.relative_to(folder).parts[:-1]))
        for label in labels
        for path in sorted((folder / label).rglob("*"))
        if path.suffix.lower() in _SUFFIXES
    ]


def _from_csv(table: Path) -> list[Clip]:
    clips = []
    try:
        rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table} is not a CSV file") from error
    for number, row in enumerate(rows, 2):
        path, label = row.get("path"), row.get("label")
        region = row.get("region") or "whole"
        if not path or label not in ("real", "fake") or region not in ("whole", "left", "right"):
            raise ConfigError(f"{table}, line {number}: expected path,label,group[,region]")
        file = table.parent / path
        if not file.is_file():
            raise ConfigError(f"{table}, line {number}: there is no file {file}")
        clips.append(Clip(file, cast("Label", label), row.get("group") or label, cast("Region", region)))
    return clips


def sample_frames(clip: Clip, count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield frames spread evenly over a clip, cut to its region.

    Yields:
        uint8, shape (height, width, 3), RGB.

    Raises:
        UnsupportedMedia: the file holds no video that can be decoded.
    """
    try:
        with av.open(str(clip.path)) as container:
            if not container.streams.video:
                raise UnsupportedMedia(f"{clip.path} holds no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            length = stream.frames or _estimated_frames(container, stream)
            wanted = set(np.linspace(0, max(length - 1, 0), count).round().astype(int).tolist())
            for number, frame in enumerate(container.decode(stream)):
                if number in wanted:
                    yield labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
    except av.FFmpegError as error:
        raise UnsupportedMedia(f"{clip.path} cannot be decoded") from error


def labelled_part(rgb: NDArray[np.uint8], clip: Clip) -> NDArray[np.uint8]:
    """Return the part of a frame that the clip's label speaks of; uint8, shape (height, width, 3)."""
    middle = rgb.shape[1] // 2
    if clip.region == "left":
        return rgb[:, :middle]
    return rgb[:, middle:] if clip.region == "right" else rgb


def face_crops(clip: Clip, landmarker: LargestFace, *, size: int, margin: float, count: int) -> NDArray[np.uint8]:
    """Return the largest face of each sampled frame, aligned; frames without a face are left out.

    Returns:
        uint8, shape (n, size, size, 3), RGB, n at most ``count``.

    Raises:
        UnsupportedMedia: the file holds no video that can be decoded.
    """
    crops = []
    for frame in sample_frames(clip, count):
        landmarks = landmarker.largest(frame)
        if landmarks is not None:
            crops.append(cut(frame, crop_matrix(landmark_box(landmarks), size=size, margin=margin), size=size))
    return np.array(crops, np.uint8).reshape(-1, size, size, 3)


def _estimated_frames(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    if container.duration is None or stream.average_rate is None:
        return 1
    return max(1, round(container.duration / av.time_base * float(stream.average_rate)))
