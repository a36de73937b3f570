"""What the parts of a face look like, laid on one grid however the face is held: for seeing that one is hidden."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID", "skin_map"]

GRID = 16
"""Cells across and down: a sixteenth of a face is about half a finger."""

_FINE = 4 * GRID

# MediaPipe Face Mesh: the outer corners of the eyes, and the chin.
_ANCHORS = (33, 263, 152)
_PLACES = np.array([[0.2, 0.36], [0.8, 0.36], [0.5, 0.98]], np.float32)
"""Where they come to lie, as shares of the grid: the forehead begins at its upper edge."""


def skin_map(rgb: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the face's parts: their colour, and how much detail is in them.

    Args:
        rgb: the frame: uint8, shape (height, width, 3).
        landmarks: float32, shape (478, 2), pixels.

    Returns:
        float32, shape (`GRID`, `GRID`, 4): means of R, G and B of each cell, and twice the standard deviation of
        its brightness, all in grey levels. What lies outside the frame repeats its edge.
    """
    matrix = cv2.getAffineTransform(landmarks[list(_ANCHORS)].astype(np.float32), _PLACES * _FINE)
    fine = cv2.warpAffine(
        rgb, matrix, (_FINE, _FINE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    cells = fine.reshape(GRID, _FINE // GRID, GRID, _FINE // GRID, 3).swapaxes(1, 2)
    detail = cells.mean(axis=4).std(axis=(2, 3))
    return np.concatenate([cells.mean(axis=(2, 3)), 2.0 * detail[..., None]], axis=2).astype(np.float32)
