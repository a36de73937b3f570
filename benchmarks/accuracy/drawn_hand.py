"""A hand and a finger drawn over a face, in the colour of its own skin: for want of footage in which people do so.

They are harder than a real hand in one way (no shadow of the arm, no other shade of skin) and easier in others (no
blur of motion, one shape), so what is measured with them is a hint.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box

__all__ = ["draw_finger", "draw_hand"]


def draw_hand(rgb: NDArray[np.uint8], face: Box, across: float) -> NDArray[np.uint8]:
    """Return the frame with an open hand before the face.

    Args:
        rgb: uint8, shape (height, width, 3).
        face: in pixels, before the hand came.
        across: where the palm's middle is, 0 at the face's left edge, 1 at its right.
    """
    side = face.height
    x, y = face.x + across * face.width, face.y + 0.6 * side
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.ellipse(mask, _point(x, y), _point(0.26 * side, 0.30 * side), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for place, length in ((-0.19, 0.38), (-0.07, 0.46), (0.06, 0.44), (0.18, 0.34)):
        root = _point(x + place * side, y - 0.15 * side)
        tip = _point(x + 1.25 * place * side, y - (0.2 + length) * side)
        cv2.line(mask, root, tip, 255, max(3, round(0.11 * side)), cv2.LINE_AA)
    cv2.line(
        mask, _point(x - 0.2 * side, y), _point(x - 0.42 * side, y - 0.2 * side), 255, max(3, round(0.12 * side))
    )
    cv2.line(mask, _point(x, y + 0.2 * side), _point(x, y + 1.2 * side), 255, max(3, round(0.34 * side)))
    return _paint(rgb, mask, face)


def draw_finger(rgb: NDArray[np.uint8], face: Box) -> NDArray[np.uint8]:
    """Return the frame with a finger that comes from below and ends on the cheek at the picture's right."""
    side = face.height
    tip = _point(face.x + 0.74 * face.width, face.y + 0.62 * side)
    root = _point(face.x + 1.0 * face.width, face.y + 1.15 * side)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.line(mask, tip, root, 255, max(3, round(0.11 * side)), cv2.LINE_AA)
    return _paint(rgb, mask, face)


def _paint(rgb: NDArray[np.uint8], mask: NDArray[np.uint8], face: Box) -> NDArray[np.uint8]:
    """Fill a shape with the cheek's colour, darker towards its edge, with a cast shadow and some grain."""
    side = face.height
    top, left = round(face.y + 0.55 * side), round(face.x + 0.2 * face.width)
    cheek = rgb[max(0, top) : top + max(2, round(0.12 * side)), max(0, left) : left + max(2, round(0.15 * side))]
    colour = np.median(cheek.reshape(-1, 3), axis=0) if cheek.size else np.array([170.0, 130.0, 110.0])
    depth = np.minimum(cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3) / (0.06 * side), 1.0)
    grain = np.random.default_rng(5).normal(0, 2.5, rgb.shape)
    painted = colour * (0.72 + 0.28 * depth[..., None]) + grain
    share = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(0.6, 0.008 * side))[..., None]
    shadow = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.04 * side)[..., None]
    shaded = rgb * (1.0 - 0.25 * shadow)
    drawn: NDArray[np.uint8] = np.clip(shaded * (1 - share) + painted * share, 0, 255).astype(np.uint8)
    return drawn


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
