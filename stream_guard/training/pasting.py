"""Pasting a drawn face into a camera's picture, with the steps and the variety of live swap tools.

The order is theirs: match the colour, sharpen or soften, warp into place, blend through a soft mask. All
randomness comes from the generator that is passed in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import blend, face_mask, recolour

__all__ = ["paste"]

_KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def paste(
    rgb: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    drawn: NDArray[np.uint8],
    placed: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Paste a drawn face over the face in a picture.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: the camera's picture.
        landmarks: float32, shape (478, 2), pixels of `rgb`.
        drawn: uint8, shape (size, size, 3): the face a decoder drew.
        placed: float64, shape (2, 3): maps pixels of `drawn` to pixels of `rgb`.
        rng: source of randomness.

    Returns:
        The forged picture, like `rgb`, and where it was changed: float32, shape (height, width), 0 to 1. Where
        the mask is zero the picture is unchanged.
    """
    height, width = rgb.shape[:2]
    if rng.random() < 0.5:
        placed = _misplaced(placed, drawn.shape[0], rng)
    whole = _hull_mask if rng.random() < 0.6 else face_mask
    mask = whole(landmarks, (height, width), rng)
    # A small mask that was blurred much is faint; a tool's is not, and a fake must show.
    mask /= max(0.25, float(mask.max()))
    mask *= _window(drawn.shape[0], placed, (width, height)) * np.float32(rng.choice([0.75, 0.9, 1, 1, 1, 1]))
    left, top, across, down = cv2.boundingRect((mask > 0).astype(np.uint8))
    if not across:
        return rgb.copy(), mask
    # All that follows is done for the face alone, which is what makes it cheap.
    inside = np.s_[top : top + down, left : left + across]
    beneath, weight = rgb[inside], mask[inside]
    shifted = placed - np.array([[0, 0, left], [0, 0, top]])
    face = _warped(drawn, shifted, (across, down), rng).astype(np.float32)
    face = _matched(face, beneath, weight, rng)
    face = _finished(face, float(np.ptp(landmarks, axis=0).max()), rng)
    forged = rgb.copy()
    forged[inside] = np.clip(blend(face, beneath, weight), 0, 255)
    return forged, mask


def _hull_mask(
    landmarks: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the whole face's hull, shrunk or grown, eroded and feathered inwards."""
    side = float(np.ptp(landmarks, axis=0).max())
    middle = landmarks.mean(axis=0)
    hull = cv2.convexHull(((landmarks - middle) * rng.uniform(0.92, 1.05) + middle).astype(np.int32))
    filled = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, 3)
    eroded, feather = rng.uniform(0, 0.07) * side, max(1.0, rng.uniform(0.01, 0.14) * side)
    mask = np.clip((depth - eroded) / feather, 0, 1)
    softened: NDArray[np.float32] = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.15 * feather))
    return softened.clip(0, 1)


def _misplaced(placed: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Move, scale and turn the face a little: a tool's landmarks tremble."""
    middle = (size - 1) / 2
    slip = cv2.getRotationMatrix2D((middle, middle), rng.normal(0, 0.7), rng.uniform(0.985, 1.015))
    slip[:, 2] += rng.normal(0, 0.006, 2) * size
    moved: NDArray[np.float64] = placed @ np.vstack([slip, [0, 0, 1]])
    return moved


def _window(size: int, placed: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return where the drawn square lies, with an edge that fades: the mask may reach beyond it."""
    window = np.zeros((64, 64), np.float32)
    window[5:-5, 5:-5] = 1
    window = cv2.blur(window, (7, 7))
    # From pixels of a square of 64 to those of the drawn one; pixel centres lie at half integers.
    scale = size / 64
    shrunk = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    return cv2.warpAffine(window, placed @ shrunk, shape, flags=cv2.INTER_LINEAR)  # type: ignore[no-any-return]


def _warped(
    drawn: NDArray[np.uint8], placed: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Warp with a random kernel. Shrinking averages first, always where it would alias badly."""
    scale = float(np.sqrt(abs(np.linalg.det(placed[:, :2]))))
    kernel = int(rng.choice(_KERNELS))
    averaged = rng.random() < 0.5
    if scale < 0.55 or (scale < 0.9 and averaged):
        size = drawn.shape[0]
        smaller = max(8, round(size * scale))
        drawn = cv2.resize(drawn, (smaller, smaller), interpolation=cv2.INTER_AREA)
        factor = size / smaller
        placed = placed @ np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    return cv2.warpAffine(  # type: ignore[no-any-return]
        drawn, placed, shape, flags=kernel, borderMode=cv2.BORDER_REPLICATE
    )


def _matched(
    face: NDArray[np.float32], beneath: NDArray[np.float32], weight: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Match mean and contrast of the channels, RGB or Lab (Reinhard et al. 2001), to what lies beneath.

    Not always fully, and not always well.
    """
    lab = rng.random() < 0.4
    strength = rng.choice([0.0, rng.uniform(0.4, 1.0), 1.0], p=[0.04, 0.36, 0.6])
    contrast = strength * (rng.random() < 0.7)
    slip = rng.uniform(0.0, 0.05) * (rng.random() < 0.4)
    if strength:
        where = (weight > 0.5 * weight.max()).astype(np.uint8)
        one, other = (cv2.cvtColor(x / 255, cv2.COLOR_RGB2LAB) if lab else x for x in (face, beneath))
        (mean, spread), (target, wanted) = (cv2.meanStdDev(x, mask=where) for x in (one, other))
        gain = 1 + contrast * (np.clip(wanted / np.maximum(spread, 1e-3), 0.5, 2.0) - 1)
        offset = mean + strength * (target - mean) - gain * mean
        one = cv2.transform(one, np.hstack([np.diag(gain[:, 0]), offset]))
        face = cv2.cvtColor(one, cv2.COLOR_LAB2RGB) * np.float32(255) if lab else one
    return recolour(face, rng, strength=slip)


def _finished(face: NDArray[np.float32], side: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sharpen, soften or leave the face as it is; sometimes grain it."""
    kind = rng.choice(3, p=[0.6, 0.28, 0.12])
    if kind == 0:
        # Fixed in the tool's pixels or growing with the face: both exist.
        sigma = rng.uniform(0.6, 2.0) * max(1.0, rng.choice([1.0, side / 160]))
        blurred = cv2.GaussianBlur(face, (0, 0), sigma)
        face = cv2.addWeighted(face, 1 + (amount := rng.uniform(0.2, 2.4)), blurred, -amount, 0)
    elif kind == 2:
        face = cv2.GaussianBlur(face, (0, 0), rng.uniform(0.4, 1.0))
    if rng.random() < 0.25:
        grain = rng.standard_normal(face.shape[:2], np.float32) * np.float32(rng.uniform(0.5, 4.0))
        if rng.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 1.0)) * 2
        face = face + grain[..., None]
    return face
