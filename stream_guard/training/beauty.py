"""Beauty filters as call programs have them. A real person with one is a real person."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import BROWS, EYES, MOUTH, OVAL, head_width, region

__all__ = ["beautify", "guided_filter", "sharpen"]


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
        crisp = sharpen(rgb, 0.01 * width + 0.5, rng.uniform(0.2, 0.6))
        rgb = rgb + (skin * kept)[..., None] * (crisp - rgb)
    return _reshape(rgb, landmarks, rng) if rng.random() < 0.35 else rgb


def guided_filter(rgb: NDArray[np.float32], *, radius: int, contrast: float) -> NDArray[np.float32]:
    """Smooth what has less contrast than given and keep what has more, after He, Sun and Tang (ECCV 2010).

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255.
        radius: of the box in pixels.
        contrast: standard deviation in grey levels at which half of it is kept.
    """
    box = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(rgb, box)
    variance = np.maximum(cv2.blur(rgb * rgb, box) - mean * mean, 0)
    kept = variance / (variance + np.float32(contrast**2))
    return cv2.blur(kept, box) * rgb + cv2.blur(mean - kept * mean, box)  # type: ignore[no-any-return]


def sharpen(rgb: NDArray[np.float32], sigma: float, amount: float) -> NDArray[np.float32]:
    """Add so much of what a blur by `sigma` pixels takes away (an unsharp mask)."""
    return cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), sigma), -amount, 0)  # type: ignore[no-any-return]


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
