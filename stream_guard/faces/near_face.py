"""MediaPipe's detector of near faces, for the square around a face that is not where it was expected.

BlazeFace, short range (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019):
896 anchors over a picture of 128 pixels, each with a score, a box and six points, two of them the eyes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut

__all__ = ["NearFace", "NearFaceDetector"]

_SIZE = 128

_ANCHORS_A_CELL = ((16, 2), (8, 6))
"""Cells a side, and anchors in the middle of each: of the layers of stride 8, and of the three of stride 16."""

_LEAST_LOGIT = 0.0
"""A probability of a half, MediaPipe's threshold."""

_SAME = 0.3
"""Above this intersection over union two boxes are one face."""


class NearFace(NamedTuple):
    """What was found.

    Attributes:
        box: from brow to chin, in pixels of the frame.
        tilt: by how many degrees the line of the eyes is turned, clockwise in the picture.
    """

    box: Box
    tilt: float


class NearFaceDetector:
    """Finds the largest face of a square. Keeps nothing between calls."""

    INPUT_SHAPE: ClassVar[tuple[int, int, int, int]] = (1, _SIZE, _SIZE, 3)
    """What the network must be opened with."""

    def __init__(self, network: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]) -> None:
        """Take ``face_detector.tflite`` at `INPUT_SHAPE`: RGB, -1 to 1, to boxes and scores."""
        self._network = network
        self._anchors = _anchors()

    def find(self, rgb: NDArray[np.uint8], box: Box, *, margin: float) -> NearFace | None:
        """Look for a face.

        Args:
            rgb: the frame: uint8, shape (height, width, 3).
            box: where a face was, in pixels.
            margin: side of the square that is looked at, over the box's longer side.

        Returns:
            The largest face, or None.
        """
        square = crop_matrix(box, size=_SIZE, margin=margin)
        crop = cut(rgb, square, size=_SIZE)
        boxes, logits = self._network(crop[None].astype(np.float32) / np.float32(127.5) - np.float32(1))[:2]
        sure = logits.ravel() > _LEAST_LOGIT
        if not sure.any():
            return None
        rows = boxes.reshape(-1, 16)[sure].astype(np.float64)
        # Middle, size and six points; all but the size are counted from the anchor.
        rows[:, :2] += self._anchors[sure]
        rows[:, 4:8] += np.tile(self._anchors[sure], 2)
        x, y, width, height, *eyes = _largest(rows[:, :8], 1 / (1 + np.exp(-logits.ravel()[sure])))
        scale = float(square[0, 0])
        left, top = (np.array([x - width / 2, y - height / 2]) - 0.5 - square[:, 2]) / scale
        tilt = math.degrees(math.atan2(eyes[3] - eyes[1], eyes[2] - eyes[0]))
        return NearFace(Box(float(left), float(top), float(width) / scale, float(height) / scale), tilt)


def _largest(rows: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest face: the mean of all that see it, by their scores, as MediaPipe takes it."""
    largest = rows[np.argmax(rows[:, 2] * rows[:, 3])]
    low = np.maximum(rows[:, :2] - rows[:, 2:4] / 2, largest[:2] - largest[2:4] / 2)
    high = np.minimum(rows[:, :2] + rows[:, 2:4] / 2, largest[:2] + largest[2:4] / 2)
    shared = np.clip(high - low, 0, None).prod(axis=1)
    same = shared > _SAME * (rows[:, 2:4].prod(axis=1) + largest[2:4].prod() - shared)
    return np.asarray(np.average(rows[same], axis=0, weights=scores[same]))


def _anchors() -> NDArray[np.float64]:
    """Return the anchors' middles in pixels of the input: float64, shape (896, 2), x and y."""
    layers = []
    for cells, count in _ANCHORS_A_CELL:
        middles = (np.arange(cells) + 0.5) * _SIZE / cells
        down, across = np.meshgrid(middles, middles, indexing="ij")
        layers.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), count, axis=0))
    return np.concatenate(layers)
