"""What cues are measured on: pairs of consecutive frames of every clip, as they are and after VP8; kept in files.

Looking takes minutes and measuring seconds, so what was looked at is kept: grey faces with their surroundings at
the picture's own resolution, landmarks, and the model's logits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import Clip, labelled_part
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.models.calibration import Calibrator
from stream_guard.models.manifest import Manifest
from stream_guard.training.codec import CodecSetting, compress
from stream_guard.training.packet_loss import Loss

PAIRS_A_SECOND = 5.0
LONGEST_S = 12.0
"""Of a clip: longer ones would only weigh more."""

_WINDOW = 2.0
"""Side of the window that is kept, over the face's longer side."""

_MOST_PX = 320
_LONGEST_SIDE = 960
_LOOK = 96


@dataclass(frozen=True, eq=False)
class Series:
    """One clip under one condition.

    Attributes:
        at_s: float64, shape (n,): moments.
        grey: uint8, shape (n, 2, side, side): the window at each moment, and the same window one frame later.
        points: float32, shape (n, 2, 478, 2): landmarks in pixels of the window; NaN where no face was found.
        looks: uint8, shape (n, 96, 96, 3): the face in colour at the model's margin.
        llrs: float32, shape (n,): the detector's log-likelihood ratios.
        skin: float32, shape (m, 3): mean RGB of the inner face on every frame; NaN where no face was found.
        fps: of the clip.
    """

    at_s: NDArray[np.float64]
    grey: NDArray[np.uint8]
    points: NDArray[np.float32]
    looks: NDArray[np.uint8]
    llrs: NDArray[np.float32]
    skin: NDArray[np.float32]
    fps: float


def look(
    clip: Clip,
    kbps: int | None,
    predict: Predictor,
    mesh: LargestFace,
    manifest: Manifest,
    cache: Path,
    *,
    lossy: bool = False,
) -> Series:
    """Return a clip's series, from its file where it was looked at before.

    Args:
        clip: a video.
        kbps: VP8's bitrate; None as filmed.
        predict: gives raw logits.
        mesh: finds the face.
        manifest: the model's.
        cache: the folder of files.
        lossy: the ninth frame of each stretch is lost, so that all after it are predicted from a wrong one.
    """
    name = f"{clip.path.resolve()} {clip.region} {kbps} {manifest.sha256} {PAIRS_A_SECOND} {LONGEST_S}"
    name += " lossy" if lossy else ""
    file = cache / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.npz"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        series = _look(clip, kbps, predict, mesh, manifest, lossy=lossy)
        part = file.with_suffix(".part.npz")
        np.savez(part, **{name: getattr(series, name) for name in Series.__annotations__})
        part.rename(file)
    with np.load(file) as kept:
        return Series(**{name: kept[name] for name in kept.files if name != "fps"}, fps=float(kept["fps"]))


def _look(
    clip: Clip, kbps: int | None, predict: Predictor, mesh: LargestFace, manifest: Manifest, *, lossy: bool
) -> Series:
    fps, pictures = frames(clip)
    if kbps is not None:
        pictures = compressed(pictures, kbps, fps, Loss("missing", 8) if lossy else None)
    at_s: list[float] = []
    grey: list[list[NDArray[np.uint8]]] = []
    points: list[NDArray[np.float32]] = []
    looks: list[NDArray[np.uint8]] = []
    crops: list[NDArray[np.uint8]] = []
    skin: list[NDArray[np.float32]] = []
    face: NDArray[np.float32] | None = None
    window, due = 0, 0.0
    waiting: tuple[NDArray[np.uint8], NDArray[np.float32]] | None = None
    for number, rgb in enumerate(pictures):
        if waiting is not None:
            first, found = waiting
            later = mesh.largest(rgb)
            origin = _origin(found, window)
            grey.append([_window(one, origin, window) for one in (first, rgb)])
            scale = min(1.0, _MOST_PX / window)
            both = np.stack([found, later if later is not None else np.full_like(found, np.nan)])
            points.append((both - origin) * scale)
            waiting = None
            face = later if later is not None else face
        elif number / fps >= due:
            due = number / fps + 1 / PAIRS_A_SECOND - 0.5 / fps
            face = mesh.largest(rgb)
            if face is not None:
                window = window or round(_WINDOW * float(np.ptp(face, axis=0).max()))
                at_s.append(number / fps)
                box = landmark_box(face)
                crops.append(_crop(rgb, box, manifest.size, manifest))
                looks.append(_crop(rgb, box, _LOOK, manifest))
                waiting = rgb, face
        skin.append(_skin(rgb, face))
    count = len(grey)  # the last moment may lack its second frame
    if not count:
        raise UnsupportedMedia(f"no face in {clip.path}")
    llrs = Calibrator(manifest.calibration).llr(predict(np.stack(crops[:count])))
    return Series(
        np.array(at_s[:count]),
        np.array(grey, np.uint8),
        np.array(points, np.float32),
        np.array(looks[:count], np.uint8),
        llrs,
        np.array(skin, np.float32),
        fps,
    )


def _crop(rgb: NDArray[np.uint8], box: Box, size: int, manifest: Manifest) -> NDArray[np.uint8]:
    return cut(rgb, crop_matrix(box, size=size, margin=manifest.margin), size=size)


def frames(clip: Clip, longest_s: float = LONGEST_S) -> tuple[float, Iterator[NDArray[np.uint8]]]:
    """Return a clip's frames a second, and its frames: the labelled part, no side above 960 px, sides even."""
    with av.open(str(clip.path)) as container:
        fps = float(container.streams.video[0].average_rate or 30)

    def decoded() -> Iterator[NDArray[np.uint8]]:
        with av.open(str(clip.path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number / fps >= longest_s:
                    return
                rgb = labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
                scale = min(1.0, _LONGEST_SIDE / max(rgb.shape[:2]))
                if scale < 1:
                    rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                height, width = (side // 2 * 2 for side in rgb.shape[:2])
                yield np.ascontiguousarray(rgb[:height, :width])

    return fps, decoded()


def compressed(
    pictures: Iterator[NDArray[np.uint8]], kbps: int, fps: float, loss: Loss | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Pass VP8 at a rate in stretches of four seconds, each beginning with a key frame."""
    stretch: list[NDArray[np.uint8]] = []
    ending: list[NDArray[np.uint8] | None] = [None]
    for rgb in chain(pictures, ending):
        if stretch and (rgb is None or len(stretch) >= 4 * fps):
            height, width = stretch[0].shape[:2]
            # The encoder takes 30 frames for a second.
            bits = kbps * 1000 / (fps * height * width)
            yield from compress(stretch, CodecSetting("libvpx", bits_per_pixel=bits), loss)
            stretch = []
        if rgb is not None:
            stretch.append(rgb)


def _origin(points: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Return the window's top left pixel: whole, so that nothing is resampled."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return np.asarray(np.floor(middle - window / 2), np.float32)


def _window(rgb: NDArray[np.uint8], origin: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    left, top = (int(value) for value in origin)
    padded = cv2.copyMakeBorder(grey, side, side, side, side, cv2.BORDER_REFLECT_101)
    part = padded[top + side : top + 2 * side, left + side : left + 2 * side]
    if part.shape != (side, side):  # the face has left the picture by more than the window
        part = cv2.resize(part, (side, side))
    if side > _MOST_PX:
        part = cv2.resize(part, (_MOST_PX, _MOST_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(part, np.uint8)


def _skin(rgb: NDArray[np.uint8], face: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return the mean colour of the cheeks and the nose; NaN without a face."""
    if face is None:
        return np.full(3, np.nan, np.float32)
    box = landmark_box(face)
    top, bottom = round(box.y + 0.42 * box.height), round(box.y + 0.68 * box.height)
    left, right = round(box.x + 0.2 * box.width), round(box.x + 0.8 * box.width)
    part = rgb[max(0, top) : bottom, max(0, left) : right]
    return part.reshape(-1, 3).mean(axis=0).astype(np.float32) if part.size else np.full(3, np.nan, np.float32)
