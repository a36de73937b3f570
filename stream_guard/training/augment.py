"""What cameras and call programs do to a picture: the same to real and fake, so that only the forgery differs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import recolour

__all__ = ["camera", "processing"]


def camera(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """See a picture through a webcam: light, white balance, lens blur, sensor noise. Before any forgery.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        rng: source of randomness.
    """
    height, width = rgb.shape[:2]
    picture: NDArray[np.float32] = recolour(rgb, rng, strength=rng.uniform(0.0, 0.15))
    if rng.random() < 0.4:  # a window or a screen at one side
        corners = rng.uniform(0.65, 1.3, (2, 2)).astype(np.float32)
        picture = picture * cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    if rng.random() < 0.25:  # low light
        gamma = np.float32(rng.uniform(0.7, 1.8))
        picture = np.float32(255) * (np.clip(picture, 0, 255) / np.float32(255)) ** gamma
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.6:
        picture = picture + _noise((height, width), rng)
    return np.clip(picture, 0, 255).astype(np.float32)


def processing(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Filter a picture as call programs do: sharpening, smoothing, contrast. After any forgery.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        rng: source of randomness; give the same state for the real and the forged twin.
    """
    kind = rng.random()
    if kind < 0.2:
        blurred = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.7, 1.5))
        rgb = rgb + np.float32(rng.uniform(0.2, 1.2)) * (rgb - blurred)
    elif kind < 0.3:
        rgb = cv2.bilateralFilter(rgb, 5, rng.uniform(8, 25), 3)
    elif kind < 0.45:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.3:
        rgb = recolour(rgb, rng, strength=0.08)
    return np.clip(rgb, 0, 255).astype(np.float32)


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Sensor noise, more or less smeared by demosaicing, mostly grey."""
    grey = rng.standard_normal((*shape, 1), np.float32)
    colour = rng.standard_normal((*shape, 3), np.float32) * np.float32(rng.uniform(0.0, 0.7))
    noise = (grey + colour) * np.float32(rng.uniform(0.5, 4.0))
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.0)) * 1.5
    return noise
