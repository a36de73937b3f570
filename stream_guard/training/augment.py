"""What cameras and call programs do to a picture: the same to real and fake, so that only the forgery differs."""

from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.background import replace_background
from stream_guard.training.beauty import beautify, guided_filter, sharpen
from stream_guard.training.blending import recolour

__all__ = ["camera", "processing"]

_BEAUTY, _BACKGROUND = 0.12, 0.12

_QUANTILES = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], np.float32)
"""Of the normal distribution, for random bytes: drawing noise exactly would cost more than all the rest."""


def camera(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """See a picture through a webcam. Before any forgery.

    Light, white balance, lens blur or up-scaling, low light with its gain and noise, sharpening, Motion JPEG.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        rng: source of randomness.
    """
    height, width = rgb.shape[:2]
    picture: NDArray[np.float32] = recolour(rgb, rng, strength=rng.uniform(0.0, 0.15))
    if rng.random() < 0.3:  # a window or a screen at one side
        corners = rng.uniform(0.65, 1.3, (2, 2)).astype(np.float32)
        picture = picture * cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    if rng.random() < 0.25:  # a wrong white balance: from tungsten to shade
        warmth = rng.uniform(-0.18, 0.18)
        picture = picture * np.array([1 + warmth, 1 + rng.uniform(-0.05, 0.05), 1 - warmth], np.float32)
    if rng.random() < 0.15:
        gamma = np.float32(rng.uniform(0.7, 1.5))
        picture = np.float32(255) * (np.clip(picture, 0, 255) / np.float32(255)) ** gamma
    softness = rng.random()
    if softness < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    elif softness < 0.42:  # a small sensor or mode, stretched
        factor = rng.uniform(0.55, 0.95)
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    drawn = rng.random()
    if drawn < 0.12:
        picture = _low_light(picture, rng)
    elif drawn < 0.6:
        picture = picture + _noise((height, width), rng)
    if rng.random() < 0.2:
        picture = sharpen(picture, rng.uniform(0.7, 1.5), rng.uniform(0.2, 0.9))
    picture = np.clip(picture, 0, 255).astype(np.float32, copy=False)
    return _jpeg(picture, int(rng.integers(40, 96))) if rng.random() < 0.25 else picture


def processing(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Filter a picture as call programs do. After any forgery.

    Denoising, sharpening, beauty filters, virtual backgrounds, contrast.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        landmarks: float32, shape (478, 2), pixels.
        rng: source of randomness; give the same state for the real and the forged twin.
    """
    kind = rng.random()
    if kind < 0.2:
        rgb = sharpen(rgb, rng.uniform(0.7, 1.5), rng.uniform(0.2, 1.2))
    elif kind < 0.25:
        rgb = cv2.bilateralFilter(rgb, 5, rng.uniform(8, 25), 3)
    elif kind < 0.33:
        rgb = guided_filter(rgb, radius=int(rng.integers(1, 4)), contrast=rng.uniform(4, 12))
    elif kind < 0.37:
        rgb = cv2.medianBlur(rgb, 3)
    elif kind < 0.48:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < _BEAUTY:
        rgb = beautify(rgb, landmarks, rng)
    if rng.random() < _BACKGROUND:
        rgb = replace_background(rgb, landmarks, rng)
    if rng.random() < 0.3:
        rgb = recolour(rgb, rng, strength=0.08)
    return np.clip(rgb, 0, 255).astype(np.float32, copy=False)


def _low_light(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Little light, and a gain that lifts part of it again together with the noise of photons and of reading."""
    exposure = np.float32(rng.uniform(0.2, 0.6))
    dark = np.clip(rgb, 0, 255) * exposure
    # Automatic gain does not leave a person in the dark entirely.
    enough = 45 / max(1.0, float(dark[::4, ::4].mean()))
    gain = np.float32(max(float(rng.uniform(0.4, 0.9) / exposure), min(enough, 6.0)))
    noise = _noise((rgb.shape[0], rgb.shape[1]), rng, strongest=2.5)
    return (dark + noise * np.sqrt(0.3 + dark / 60)) * gain


def _jpeg(rgb: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    bgr = cv2.cvtColor(rgb.round().astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.float32)  # type: ignore[no-any-return]


def _noise(shape: tuple[int, int], rng: np.random.Generator, *, strongest: float = 4.0) -> NDArray[np.float32]:
    """Sensor noise, more or less smeared by demosaicing, mostly grey."""
    drawn = np.frombuffer(rng.bytes(4 * shape[0] * shape[1]), np.uint8).reshape(*shape, 4)
    noise = cv2.LUT(drawn, _QUANTILES)
    # Each channel: its own share and the grey one's.
    colour, strength = rng.uniform(0.0, 0.7), rng.uniform(0.5, strongest)
    mixed: NDArray[np.float32] = cv2.transform(noise, np.hstack([np.eye(3) * colour, np.ones((3, 1))]) * strength)
    if rng.random() < 0.5:
        mixed = cv2.GaussianBlur(mixed, (0, 0), rng.uniform(0.4, 1.0)) * np.float32(1.5)
    return mixed
