"""From a face in a frame to the square the model sees. The ONE alignment: run time and training share it.

The crop is the square around the landmarks' bounding box, grown by the model's crop margin, upright (no
rotation: a swap's seam is often horizontal, and rotating would resample it differently from what was
trained on). It is resampled once, from full resolution.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box

__all__ = ["crop_matrix", "cut", "landmark_box"]


def landmark_box(landmarks: NDArray[np.float32]) -> Box:
    """Return the box that spans the landmarks.

    Args:
        landmarks: float32, shape (n, 2), pixels.
    """
    left, top = landmarks.min(axis=0)
    right, bottom = landmarks.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def crop_matrix(box: Box, *, size: int, margin: float) -> NDArray[np.float64]:
    """Return the affine that takes the face's square to the model's input.

    Args:
        box: the face in pixels.
        size: side of the model's input in pixels.
        margin: crop margin; the square's side is ``margin`` times the box's longer side.

    Returns:
        float64, shape (2, 3): maps frame pixels to crop pixels.
    """
    x, y = box.centre
    scale = size / (max(box.width, box.height) * margin)
    # Pixel centres lie at half integers in the continuous picture, at integers for OpenCV.
    shift = size / 2 - 0.5
    return np.array(
        [[scale, 0.0, shift - scale * (x - 0.5)], [0.0, scale, shift - scale * (y - 0.5)]], dtype=np.float64
    )


def cut(
    rgb: NDArray[np.uint8], matrix: NDArray[np.float64], *, size: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Cut one face out of a frame: one OpenCV call.

    Args:
        rgb: uint8, shape (height, width, 3).
        matrix: from `crop_matrix`; or any other affine that scales alike in all directions.
        size: side of the result in pixels.
        out: uint8, shape (size, size, 3), contiguous: written in place where given.

    Returns:
        uint8, shape (size, size, 3), RGB; edges are repeated where the square leaves the frame.
    """
    # Shrinking by more than two needs an area filter, or the crop aliases; enlarging and mild shrinking
    # must not be blurred. warpAffine has no area filter, so the frame's region is halved first.
    if _scale(matrix) < 0.5:
        return _cut_shrunk(rgb, matrix, size=size, out=out)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        rgb, matrix, (size, size), dst=out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _cut_shrunk(
    rgb: NDArray[np.uint8], matrix: NDArray[np.float64], *, size: int, out: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Cut at an integer multiple of the size, then average down."""
    times = int(np.ceil(0.5 / _scale(matrix)))
    larger = matrix * times
    larger[:, 2] += (times - 1) / 2
    wide = cv2.warpAffine(
        rgb, larger, (size * times, size * times), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(wide, (size, size), dst=out, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _scale(matrix: NDArray[np.float64]) -> float:
    """Return how much an affine enlarges."""
    return math.hypot(matrix[0, 0], matrix[0, 1])
