"""Where the parts of a face lie among the 478 landmarks of the Face Mesh, and soft masks over them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BROWS",
    "CHEEKS",
    "EYES",
    "LIPS",
    "MOUTH",
    "OVAL",
    "UPPER_LIDS",
    "head_width",
    "region",
]

# Closed outlines, each in order around; of pairs the one at the left of an unmirrored picture comes first.
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148,
        176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
MOUTH = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
EYES = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
)
UPPER_LIDS = ([33, 246, 161, 160, 159, 158, 157, 173, 133], [263, 466, 388, 387, 386, 385, 384, 398, 362])
BROWS = ([70, 63, 105, 66, 107, 55, 65, 52, 53, 46], [300, 293, 334, 296, 336, 285, 295, 282, 283, 276])
CHEEKS = (50, 280)


def head_width(landmarks: NDArray[np.float32]) -> float:
    """Return the longer side of the landmarks' bounding box in pixels: the length other lengths go by."""
    return float(np.ptp(landmarks, axis=0).max())


def region(
    outlines: Sequence[NDArray[np.floating]], shape: tuple[int, int], *, softness: float = 0.0
) -> NDArray[np.float32]:
    """Return a mask over closed outlines, with edges at a sixteenth of a pixel.

    Args:
        outlines: each of shape (n, 2), pixels; where two overlap, both count.
        shape: height and width of the mask.
        softness: standard deviation of the blur of its edge, in pixels.

    Returns:
        float32, shape (height, width), 0 to 1.
    """
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft: NDArray[np.float32] = mask.astype(np.float32) / np.float32(255)
    return cv2.GaussianBlur(soft, (0, 0), softness) if softness > 0.2 else soft
