"""Glasses drawn onto a face: frames, temples, tint, reflections and a shadow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import EYES, head_width, region

__all__ = ["wear_glasses"]

_FRAMES = np.array([[20, 18, 18], [50, 35, 28], [90, 60, 40], [130, 130, 135], [170, 140, 80], [90, 25, 30]])


def wear_glasses(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put glasses on, unless the face is seen too far from the side.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness.

    Returns:
        float32, like `rgb`, perhaps a little above 255.
    """
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    left, right = (landmarks[eye].mean(axis=0).astype(np.float64) for eye in EYES)
    along = right - left
    apart = float(np.hypot(*along))
    if apart < 0.15 * width:  # a profile: a pair drawn flat would not fit
        return rgb
    down = np.array([-along[1], along[0]]) / apart * np.sign(along[0] or 1.0)  # the face may be mirrored
    half = np.array([rng.uniform(0.36, 0.44) * apart, rng.uniform(0.24, 0.38) * max(apart, 0.35 * width)])
    power = rng.choice([2.0, 2.6, 4.0])  # round, oval, nearly a rectangle
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    ring = np.sign(ring) * np.abs(ring) ** (2 / power) * half
    axes = np.stack([along / apart, down])
    droop = down * rng.uniform(0.02, 0.1) * apart
    lenses = [eye + droop + ring @ axes for eye in (left, right)]
    bridge = np.stack([lenses[0][0], (left + right) / 2 + droop - down * 0.1 * apart, lenses[1][24]])
    # Temples run from the outer ends to where the face's oval meets the eyes' height.
    ends = [(lenses[0][24], landmarks[127]), (lenses[1][0], landmarks[356])]
    temples = [
        np.stack(end) for end, sign in zip(ends, (-1, 1), strict=True) if sign * ((end[1] - end[0]) @ along) > 0
    ]
    thickness = width * rng.choice([0.008, 0.014, 0.022, 0.03])
    frame = _strokes([*lenses], [bridge, *temples], shape, thickness)
    glass = region(lenses, shape)
    if rng.random() < 0.3:  # tinted
        rgb = rgb * (1 - glass[..., None] * rng.uniform(0.0, [0.4, 0.35, 0.3]).astype(np.float32))
    if rng.random() < 0.5:
        rgb = rgb + (glass * _reflection(shape, (left + right) / 2, apart, rng))[..., None]
    shadow = cv2.GaussianBlur(np.roll(frame, round(0.015 * width), axis=0), (0, 0), 0.012 * width)
    rgb = rgb * (1 - np.float32(0.3) * shadow[..., None])
    colour = (_FRAMES[int(rng.integers(len(_FRAMES)))] * rng.uniform(0.7, 1.3)).astype(np.float32)
    colour = colour + np.float32(rng.uniform(0, 40)) * cv2.GaussianBlur(frame, (0, 0), 1.0)[..., None]
    return rgb + (frame * np.float32(rng.uniform(0.75, 1.0)))[..., None] * (colour - rgb)  # type: ignore[no-any-return]


def _strokes(
    closed: list[NDArray[np.float64]], open_: list[NDArray[np.float64]], shape: tuple[int, int], thickness: float
) -> NDArray[np.float32]:
    """Draw lines at four times the size, so that they may be thinner than a pixel."""
    canvas = np.zeros((shape[0] * 4, shape[1] * 4), np.uint8)
    wide = max(1, round(thickness * 4))
    for lines, close in ((closed, True), (open_, False)):
        points = [np.round(line * 4).astype(np.int32) for line in lines]
        cv2.polylines(canvas, points, close, 255, wide if close else max(1, round(wide * 0.8)))
    small = cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)  # type: ignore[no-any-return]


def _reflection(
    shape: tuple[int, int], centre: NDArray[np.float64], apart: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A window or a screen in the lenses: slanted stripes, once for each lens."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    slant, where = rng.uniform(-0.8, 0.8), rng.uniform(0, 1)
    phase = ((columns - centre[0]) + slant * (rows - centre[1])) / apart + where
    stripe = np.clip(1.5 - np.abs(phase % 1.0 - 0.5) * rng.uniform(8, 16), 0, 1)
    return (stripe * rng.uniform(15, 90)).astype(np.float32)  # type: ignore[no-any-return]
