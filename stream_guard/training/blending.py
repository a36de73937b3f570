"""Self-blended images: a face blended with a transformed copy of itself, after Shiohara and Yamasaki.

"Detecting Deepfakes with Self-Blended Images", CVPR 2022. Written from the paper's description. Any face
swap leaves a seam between two statistics (colour, sharpness, noise, landmarks); so does this, and nobody is
impersonated. All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import OVAL

__all__ = ["blend", "face_mask", "nudge", "recolour", "self_blend"]

# MediaPipe Face Mesh: the brows' upper edges, some of the lips, the part of the oval above the brows.
_BROWS = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
_LIPS = [61, 291, 0, 17, 37, 267, 84, 314, 40, 270, 91, 321]
_FOREHEAD = {10, 338, 297, 332, 284, 103, 67, 109, 54, 21, 251}


def face_mask(
    landmarks: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a random soft mask over the face or a part of it.

    The hull of the landmarks (whole face, face below the brows, inner face, or around the mouth) is deformed
    by a smooth random field, shrunk or grown, and blurred.

    Args:
        landmarks: float32, shape (478, 2), pixels.
        shape: height and width of the mask.
        rng: source of randomness.

    Returns:
        float32, shape (height, width), 0 to 1.
    """
    kind = rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])
    if kind == 0:
        points = landmarks[OVAL]
    elif kind == 3:
        points = landmarks[_LIPS]
        points = (points - points.mean(0)) * rng.uniform(1.3, 2.2) + points.mean(0)
    else:
        points = landmarks[[i for i in OVAL if i not in _FOREHEAD] + _BROWS]
        if kind == 2:
            points = (points - points.mean(0)) * rng.uniform(0.7, 0.95) + points.mean(0)
    mask = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1.0)
    side = float(np.ptp(landmarks, axis=0).max())
    mask = _deform(mask, strength=side * rng.uniform(0.0, 0.05), rng=rng)
    # Blur, cut at a random level, blur again: moves the edge inwards or outwards before it is made soft.
    mask = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.01, 0.06))
    mask = np.clip((mask - rng.uniform(0.0, 0.6)) * 2.5, 0.0, 1.0)
    softened: NDArray[np.float32] = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.005, 0.05))
    return softened.clip(0.0, 1.0)


def blend(
    face: NDArray[np.float32], background: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``face`` where the mask is one, ``background`` where it is zero. All float32, of one size."""
    return background + mask[..., None] * (face - background)


def recolour(rgb: NDArray[np.float32], rng: np.random.Generator, *, strength: float) -> NDArray[np.float32]:
    """Shift colour, brightness and contrast.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        rng: source of randomness.
        strength: 0.1 moves each channel by up to ten per cent.
    """
    # One affine map of colour: saturation, contrast about the middle, gain and offset, composed before a
    # single pass over the pixels.
    saturation = 1.0 + rng.uniform(-strength, strength) * 2
    contrast = 1.0 + rng.uniform(-strength, strength)
    gain = 1.0 + rng.uniform(-strength, strength) + rng.uniform(-strength, strength, 3) / 2
    offset = rng.uniform(-strength, strength, 3) * 60 + (1 - contrast) * float(rgb[::4, ::4].mean()) * gain
    grey = np.full((3, 3), (1 - saturation) / 3) + saturation * np.eye(3)
    matrix = np.hstack([grey * (contrast * gain)[:, None], offset[:, None]])
    return np.clip(cv2.transform(rgb, matrix), 0, 255)  # type: ignore[no-any-return]


def nudge(rgb: NDArray[np.float32], centre: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move, scale and turn a picture a little about a point, as a swap's landmarks never fit exactly."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D(
        (float(centre[0]), float(centre[1])), rng.uniform(-2.0, 2.0), rng.uniform(0.96, 1.04)
    )
    matrix[:, 2] += rng.uniform(-0.02, 0.02, 2) * (width, height)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def self_blend(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Make a self-blended image.

    Unlike the paper's, its real twin has the same surroundings: where they are the transformed side, a picture
    that is sharp, soft or tinted as a whole would give the forgery away without any seam.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.

    Returns:
        The real twin, `rgb` or all of it transformed; the pseudo-fake; both like `rgb`; and where they differ:
        float32, shape (height, width), 0 to 1.
    """
    # Either side may be the transformed one: the seam is what both have in common.
    changed, kept = _transform(rgb, rng), rgb
    face, background = (changed, kept) if rng.random() < 0.5 else (kept, changed)
    face = nudge(face, landmarks.mean(axis=0), rng)
    mask = face_mask(landmarks, rgb.shape[:2], rng)
    mask = mask * np.float32(rng.choice([0.5, 0.75, 1.0, 1.0, 1.0]))
    background = np.clip(background, 0, 255)
    return background, np.clip(blend(face, background, mask), 0, 255), mask


def _transform(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    changed: NDArray[np.float32] = recolour(rgb, rng, strength=0.1)
    if rng.random() < 0.5:
        blurred = cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.7, 1.5))
        sharpened: NDArray[np.float32] = changed + np.float32(rng.uniform(0.4, 1.5)) * (changed - blurred)
        return sharpened
    factor = rng.uniform(0.4, 0.9)
    height, width = rgb.shape[:2]
    small = cv2.resize(changed, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]


def _deform(mask: NDArray[np.float32], *, strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = mask.shape
    field = rng.normal(0.0, strength, (5, 5, 2)).astype(np.float32)
    shift = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(  # type: ignore[no-any-return]
        mask, columns + shift[..., 0], rows + shift[..., 1], cv2.INTER_LINEAR
    )
