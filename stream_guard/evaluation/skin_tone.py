"""A proxy of skin tone, measured from the picture itself."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["TONES", "skin_tone", "typology_angle"]

TONES = ((55, "very light"), (41, "light"), (28, "intermediate"), (10, "tan"), (-30, "brown"), (-np.inf, "dark"))
"""Least typology angle of each class, in degrees (Del Bino et al. 2006)."""

_CHEEKS = ((50, 101, 36, 205, 187, 123), (280, 330, 266, 425, 411, 352))
"""MediaPipe Face Mesh: below the eye, beside the nose, above the smile line."""


def typology_angle(rgb: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float | None:
    """Return the individual typology angle of the cheeks, in degrees: the larger, the lighter the skin.

    ``arctan((L* - 50) / b*)`` of the median cheek pixel in CIELAB (Chardon, Cretois and Hourseau 1991). Made for
    a colorimeter on the skin; from a photograph it is a proxy, which light, exposure, white balance and make-up
    move by more than one class.

    Args:
        rgb: uint8, shape (height, width, 3), taken as sRGB.
        landmarks: float32, shape (478, 2), pixels, in MediaPipe Face Mesh order.

    Returns:
        -180 to 180, or None where no cheek lies in the picture.
    """
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for cheek in _CHEEKS:
        cv2.fillConvexPoly(mask, cv2.convexHull(landmarks[list(cheek)].round().astype(np.int32)), 1)
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[mask > 0]
    if not len(lab):
        return None
    lightness, _, blue_yellow = np.median(lab, axis=0)
    return float(np.degrees(np.arctan2(lightness - 50, blue_yellow)))


def skin_tone(angle: float) -> str:
    """Return the class of a typology angle, a name of `TONES`."""
    return next(name for least, name in TONES if angle > least)
