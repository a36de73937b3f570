"""What cameras and call programs do to a picture: the same to real and fake, so that only the forgery differs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import recolour
from stream_guard.training.contours import BROWS, EYES, MOUTH, OVAL, guided_filter, head_width, region

__all__ = ["camera", "processing"]

_BEAUTY, _BACKGROUND = 0.12, 0.12


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
        picture = _sharpen(picture, rng.uniform(0.7, 1.5), rng.uniform(0.2, 0.9))
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
        rgb = _sharpen(rgb, rng.uniform(0.7, 1.5), rng.uniform(0.2, 1.2))
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


def beautify(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth and brighten the skin as call programs' beauty filters do; sometimes larger eyes, a slimmer face."""
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    skin = region([landmarks[OVAL]], shape, softness=0.03 * width)
    details = [landmarks[part] for part in (*EYES, *BROWS, MOUTH)]
    kept = region(details, shape, softness=0.015 * width)
    smooth = guided_filter(rgb, radius=max(2, round(width * rng.uniform(0.02, 0.05))), contrast=rng.uniform(8, 22))
    strength = np.float32(rng.uniform(0.4, 1.0))
    brighter = smooth * np.float32(rng.uniform(1.0, 1.1)) + np.float32(rng.uniform(0, 10))
    rgb = rgb + (skin * (1 - kept) * strength)[..., None] * (brighter - rgb)
    if rng.random() < 0.4:  # clearer features
        crisp = _sharpen(rgb, 0.01 * width + 0.5, rng.uniform(0.2, 0.6))
        rgb = rgb + (skin * kept)[..., None] * (crisp - rgb)
    return _reshape(rgb, landmarks, rng) if rng.random() < 0.35 else rgb


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


def _reshape(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Enlarge the eyes or draw in the jaw a little."""
    height, width = rgb.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns.copy(), rows.copy()
    size, centre = head_width(landmarks), landmarks[OVAL].mean(axis=0)
    if rng.random() < 0.6:
        strength, radius = rng.uniform(0.03, 0.12), 0.16 * size
        for eye in EYES:
            middle = landmarks[eye].mean(axis=0)
            near = _bump(columns, rows, middle, radius) * np.float32(strength)
            x -= near * (columns - middle[0])
            y -= near * (rows - middle[1])
    if rng.random() < 0.6:
        strength = rng.uniform(0.01, 0.03) * size
        for jaw in (172, 397):
            near = _bump(columns, rows, landmarks[jaw], 0.3 * size) * np.float32(strength)
            x += near * np.float32(np.sign(landmarks[jaw][0] - centre[0]))
    return cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _bump(
    columns: NDArray[np.float32], rows: NDArray[np.float32], centre: NDArray[np.float32], radius: float
) -> NDArray[np.float32]:
    """One at the centre, and smoothly to nothing at the radius."""
    squared = ((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / np.float32(radius**2)
    return np.maximum(1 - squared, 0) ** 2  # type: ignore[no-any-return]


def _sharpen(rgb: NDArray[np.float32], sigma: float, amount: float) -> NDArray[np.float32]:
    return cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), sigma), -amount, 0)  # type: ignore[no-any-return]


def _low_light(rgb: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Little light, and a gain that lifts part of it again together with the noise of photons and of reading."""
    exposure = np.float32(rng.uniform(0.2, 0.6))
    gain = np.float32(rng.uniform(0.4, 0.9)) / exposure
    dark = np.clip(rgb, 0, 255) * exposure
    noise = _noise((rgb.shape[0], rgb.shape[1]), rng, strongest=2.5)
    return (dark + noise * np.sqrt(0.3 + dark / 60)) * gain


def _jpeg(rgb: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    bgr = cv2.cvtColor(rgb.round().astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.float32)  # type: ignore[no-any-return]


def _noise(shape: tuple[int, int], rng: np.random.Generator, *, strongest: float = 4.0) -> NDArray[np.float32]:
    """Sensor noise, more or less smeared by demosaicing, mostly grey."""
    grey = rng.standard_normal((*shape, 1), np.float32)
    colour = rng.standard_normal((*shape, 3), np.float32) * np.float32(rng.uniform(0.0, 0.7))
    noise = (grey + colour) * np.float32(rng.uniform(0.5, strongest))
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.0)) * 1.5
    return noise
