"""Decoder-like fakes: what a live swap's decoder does to a face, done to the same person's face.

Live swap tools draw the face with a small network at 64 to 256 px, match its colour roughly, sharpen it and
paste it back through a soft mask. The identity changes what is drawn, not the traces; so the traces alone are
imitated: low resolution, lost camera noise, sharpening, shifted colour, a soft eroded edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import blend, face_mask, nudge, recolour

__all__ = ["resynthesise"]

_KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def resynthesise(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw the face again at low resolution, sharpen it and paste it softly.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.

    Returns:
        The pseudo-fake, like `rgb`, and where it was changed: float32, shape (height, width), 0 to 1.
    """
    height, width = rgb.shape[:2]
    face = _denoise(rgb, rng)
    # The decoder's square is about 1.3 faces wide. A face that is small in the picture is drawn nearly at
    # its own size, but never so near that nothing is left to be found.
    side = 1.3 * float(np.ptp(landmarks, axis=0).max())
    factor = min(rng.uniform(64, 128) / side, rng.uniform(0.4, 0.9))
    small = cv2.resize(face, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    face = cv2.resize(small, (width, height), interpolation=int(rng.choice(_KERNELS)))
    if rng.random() < 0.8:
        blurred = cv2.GaussianBlur(face, (0, 0), rng.uniform(0.8, 2.2))
        face = face + np.float32(rng.uniform(0.3, 2.0)) * (face - blurred)
    face = recolour(face, rng, strength=rng.uniform(0.02, 0.1))
    face = nudge(face, landmarks.mean(axis=0), rng)
    mask = face_mask(landmarks, (height, width), rng)
    return np.clip(blend(face, rgb, mask), 0, 255), mask


def _denoise(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Networks do not draw camera noise: take it away before drawing again."""
    kind = rng.random()
    if kind < 0.4:
        return cv2.bilateralFilter(rgb, 5, rng.uniform(8, 30), 3)  # type: ignore[no-any-return]
    if kind < 0.7:
        return cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.0))  # type: ignore[no-any-return]
    return rgb
