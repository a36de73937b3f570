"""What real people wear, hold and sit under, so that a detector does not take it for forgery: hard negatives."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import CHEEKS, LIPS, MOUTH, UPPER_LIDS, head_width, region
from stream_guard.training.glasses import wear_glasses
from stream_guard.training.obstacles import hold, write

__all__ = ["cover", "dress"]

_GLASSES, _MAKE_UP, _LIGHT = 0.12, 0.12, 0.12
_OBJECT, _CAPTION = 0.08, 0.06
"""How often each is seen."""

_LIPSTICKS = np.array([[190, 40, 60], [150, 30, 50], [200, 90, 100], [120, 40, 60], [190, 110, 100]], np.float32)
_SHADOWS = np.array([[70, 50, 45], [60, 60, 90], [110, 70, 90], [150, 110, 80], [40, 40, 45]], np.float32)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def dress(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put on make-up, hard light or glasses; most often nothing. Before the camera and any forgery.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.

    Returns:
        float32, like `rgb`: the same array where there is nothing to do.
    """
    make_up, glasses, light = rng.random(3) < (_MAKE_UP, _GLASSES, _LIGHT)
    if not (make_up or glasses or light):
        return rgb
    if make_up:
        rgb = _make_up(rgb, landmarks, rng)
    if glasses:
        rgb = wear_glasses(rgb, landmarks, rng)
    if light:
        rgb = _light(rgb, landmarks, rng)
    return np.clip(rgb, 0, 255).astype(np.float32)


def cover(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hold something before the face or write over the picture; most often nothing. After any forgery.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness; give the same state for the real and the forged twin: the same is covered.

    Returns:
        The picture, and how much of each pixel was covered: float32, shape (height, width), 0 to 1.
    """
    alpha = np.zeros(rgb.shape[:2], np.float32)
    holds, captioned = rng.random(2) < (_OBJECT, _CAPTION)
    if not (holds or captioned):
        return rgb, alpha
    if holds:
        rgb, alpha = hold(rgb, landmarks, rng)
    if captioned:
        rgb, written = write(rgb, rng)
        alpha = np.maximum(alpha, written)
    return np.clip(rgb, 0, 255).astype(np.float32), alpha


def _make_up(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    if rng.random() < 0.8:
        lips = region([landmarks[LIPS]], shape, softness=0.006 * width)
        lips *= 1 - region([landmarks[MOUTH]], shape, softness=0.004 * width)
        rgb = _stain(rgb, lips * np.float32(rng.uniform(0.2, 0.5)), _pick(_LIPSTICKS, rng))
    if rng.random() < 0.6:
        # The lid from the lashes to a third of the way to the brow.
        lift = np.array([0.0, -rng.uniform(0.03, 0.06) * width])
        lids = [np.concatenate([landmarks[lid], landmarks[lid][::-1] + lift]) for lid in UPPER_LIDS]
        shadow = region(lids, shape, softness=0.012 * width)
        rgb = _stain(rgb, shadow * np.float32(rng.uniform(0.2, 0.55)), _pick(_SHADOWS, rng))
    if rng.random() < 0.5:
        one, other = (_spot(shape, landmarks[cheek], 0.07 * width) for cheek in CHEEKS)
        blush = one + other
        rgb = _stain(rgb, blush * np.float32(rng.uniform(0.1, 0.35)), _pick(_LIPSTICKS, rng) + 30)
    return rgb


def _stain(
    rgb: NDArray[np.float32], alpha: NDArray[np.float32], colour: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give the skin another colour and leave it its light and its texture."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    tint = (colour * np.float32(0.9) / max(40.0, float(colour @ _GREY))).astype(np.float32)
    target: NDArray[np.float32] = grey[..., None] * tint
    return rgb + alpha[..., None] * (target - rgb)


def _light(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Lamp or sun from one side: a lit and a dark half with a soft or a hard edge, shine on forehead and nose."""
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    centre = landmarks.mean(axis=0)
    if rng.random() < 0.8:
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        across = (columns - centre[0]) * np.cos(angle) + (rows - centre[1]) * np.sin(angle)
        along = (rows - centre[1]) * np.cos(angle) - (columns - centre[0]) * np.sin(angle)
        bend = rng.uniform(-0.6, 0.6) * along**2 / width + rng.normal(0, 0.15) * width
        softness = width * np.exp(rng.uniform(np.log(0.01), np.log(0.4)))
        lit = (0.5 + 0.5 * np.tanh((across + bend) / softness)).astype(np.float32)
        dark, bright = np.float32(rng.uniform(0.35, 0.8)), np.float32(rng.uniform(1.0, 1.35))
        warm = rng.uniform(-0.06, 0.06) * np.array([1, 0, -1], np.float32)
        rgb = rgb * (dark + lit[..., None] * (bright + warm - dark).astype(np.float32))
    if rng.random() < 0.5:
        # Forehead, tip of the nose, cheekbones.
        for point in rng.choice([151, 4, 117, 346], int(rng.integers(1, 4)), replace=False):
            where = landmarks[point] + rng.normal(0, 0.02, 2) * width
            shine = _spot(shape, where, width * rng.uniform(0.015, 0.06)) * np.float32(rng.uniform(20, 90))
            rgb = rgb + shine[..., None]
    return rgb


def _spot(shape: tuple[int, int], centre: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    across = np.exp(-(((columns - centre[0]) / sigma) ** 2) / 2)
    return (np.exp(-(((rows - centre[1]) / sigma) ** 2) / 2) * across).astype(np.float32)  # type: ignore[no-any-return]


def _pick(colours: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    return (colours[int(rng.integers(len(colours)))] + rng.uniform(-15, 15, 3)).clip(0, 255).astype(np.float32)  # type: ignore[no-any-return]
