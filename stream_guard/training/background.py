"""Virtual backgrounds: a roughly guessed silhouette, and something else behind it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import OVAL, head_width, region

__all__ = ["replace_background"]


def replace_background(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put something else behind head and shoulders, along an edge that fits as badly as those of calls do."""
    height, width = rgb.shape[:2]
    person = _silhouette((height, width), landmarks, rng)
    kind = rng.random()
    if kind < 0.5:
        small = cv2.resize(rgb, (max(4, width // 8), max(4, height // 8)), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(1.0, 3.0))
        behind = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        # Plain, a gradient, or the blotches of a picture out of focus.
        cells = 1 if kind < 0.65 else 2 if kind < 0.8 else int(rng.integers(3, 9))
        base, spread = rng.uniform(20, 235) + rng.uniform(-40, 40, 3), rng.uniform(10, 40)
        blotches = (
            (base + rng.normal(0, spread, (cells, cells, 1)) + rng.normal(0, 12, (cells, cells, 3)))
            .clip(0, 255)
            .astype(np.float32)
        )
        behind = cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    return behind + person[..., None] * (rgb - behind)  # type: ignore[no-any-return]


def _silhouette(
    shape: tuple[int, int], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Guess head with hair, neck and shoulders from the face, as roughly as a fast segmentation does."""
    size = head_width(landmarks)
    centre, chin = landmarks[OVAL].mean(axis=0), landmarks[152]
    # Hair: the oval grown, upwards more; it never cuts into the face.
    grown = (landmarks[OVAL] - centre) * rng.uniform(1.12, 1.4, 2) + centre
    grown[:, 1] -= np.where(grown[:, 1] < centre[1], rng.uniform(0.05, 0.2) * size, 0.0)
    top, drop = rng.uniform(0.1, 0.25) * size, 3.0 * size
    neck, shoulder = rng.uniform(0.22, 0.3) * size, rng.uniform(0.8, 1.1) * size
    outline = [(-neck, -0.2 * size), (-neck, top), (-shoulder, top + 0.3 * size), (-shoulder * 1.1, drop),
               (shoulder * 1.1, drop), (shoulder, top + 0.3 * size), (neck, top), (neck, -0.2 * size)]  # fmt: skip
    softness = size * rng.uniform(0.008, 0.03)
    mask = region([grown, chin + np.array(outline)], shape, softness=0.04 * size)
    # Blurred, cut again at a level that wanders: bumps and bites, of a network that works at low resolution.
    wander = cv2.resize(
        rng.uniform(0.25, 0.6, (9, 9)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    mask = np.clip((mask - wander) * 8 + 0.5, 0, 1)
    return cv2.GaussianBlur(mask, (0, 0), softness)  # type: ignore[no-any-return]
