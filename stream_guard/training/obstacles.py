"""What comes between a face and the viewer: a hand, a microphone, a cup, writing over the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import OVAL, head_width

__all__ = ["hold", "write"]

_SKIN = np.array(
    [[236, 198, 176], [222, 178, 150], [200, 152, 122], [170, 120, 92], [130, 88, 66], [92, 60, 46]], np.float32
)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def hold(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hold a hand, a microphone or a cup before the mouth, the chin or a cheek, from below or from the side.

    Returns:
        The picture, float32 like `rgb`, and how much was covered: float32, shape (height, width), 0 to 1.
    """
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    chin, centre = landmarks[152], landmarks.mean(axis=0)
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    target = centre + rng.uniform([-0.4, 0.15], [0.4, 0.45]) * width
    canvas, creases = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    if kind == 0:
        tone = _SKIN[np.argmin(np.abs(_SKIN @ _GREY - _typical(rgb, landmarks) @ _GREY))]
        colour = tone * np.float32(rng.uniform(0.85, 1.1))
        side = np.sign(target[0] - centre[0])
        root = chin + np.array([side * rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.6)]) * width
        _capsule(canvas, root, root + np.array([side * 0.3, 0.8]) * width, 0.2 * width)
        spread = (target - root) / max(1.0, float(np.hypot(*(target - root))))
        across = np.array([-spread[1], spread[0]]) * rng.uniform(0.115, 0.15) * width
        count = int(rng.integers(2, 5))
        lengths = -rng.uniform(0.0, 0.12, count) * width
        tips = [target + across * (i - (count - 1) / 2) + spread * back for i, back in enumerate(lengths)]
        roots = [root + across * (i - (count - 1) / 2) * 0.75 for i in range(count)]
        for start, tip in zip(roots, tips, strict=True):
            _capsule(canvas, start, tip, 0.055 * width)
        for i in range(count - 1):  # fingers that touch are told apart by the dark line between them
            gap = [(roots[i] + roots[i + 1]) / 2, (tips[i] + tips[i + 1]) / 2]
            _capsule(creases, gap[0], gap[1], max(0.5, 0.012 * width))
    elif kind == 1:
        colour = np.full(3, rng.uniform(15, 70), np.float32)
        head = landmarks[[0, 17]].mean(axis=0) + rng.uniform([-0.25, 0.08], [0.25, 0.4]) * width
        _capsule(canvas, head, head + np.array([rng.uniform(-0.5, 0.5), 1.2]) * width, 0.05 * width)
        _capsule(canvas, head, head + np.array([0.0, 0.04]) * width, rng.uniform(0.08, 0.13) * width)
    else:
        colour = (rng.uniform(25, 235) + rng.uniform(-35, 35, 3)).clip(10, 245).astype(np.float32)
        high, wide = rng.uniform(0.35, 0.6) * width, rng.uniform(0.18, 0.28) * width
        top = target + np.array([0.0, 0.05 * width])
        outline = [[-wide, 0], [wide, 0], [wide * 0.85, high], [-wide * 0.85, high]]
        cv2.fillPoly(canvas, [np.round((top + outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), max(0.5, 0.008 * width))
    # Round things are lighter in the middle; everything throws a little shadow.
    body = cv2.GaussianBlur(alpha, (0, 0), 0.05 * width)
    dents = cv2.GaussianBlur(creases.astype(np.float32) / 255, (0, 0), max(0.5, 0.012 * width))
    grain = rng.standard_normal((*shape, 1), np.float32) * np.float32(rng.uniform(1, 4))
    drawn = colour * (np.float32(0.65) + np.float32(0.4) * body - np.float32(0.35) * dents)[..., None] + grain
    shaded = rgb * (1 - np.float32(0.35) * body[..., None])
    return shaded + alpha[..., None] * (drawn - shaded), alpha


def write(rgb: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Write a name tag or a subtitle near the upper or the lower edge, with or without a bar behind it.

    Returns:
        As `hold`.
    """
    height, width = rgb.shape[:2]
    text = "".join(rng.choice(list("ABCDEFGHIJKLMNOPRSTUVWabcdefghiklmnoprstuvw   "), int(rng.integers(5, 24))))
    scale = height / 250 * rng.uniform(0.35, 0.7)
    line = max(1, round(scale * rng.uniform(1.2, 2.4)))
    (long, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
    y = int(height * (rng.uniform(0.78, 0.93) if rng.random() < 0.8 else rng.uniform(0.08, 0.16)))
    x = int(rng.uniform(0.05, 0.25) * width)
    bar, letters = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    cv2.rectangle(bar, (x - high // 2, y - high * 3 // 2), (x + long + high // 2, y + high // 2), 255, -1)
    cv2.putText(letters, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, line, cv2.LINE_AA)
    behind = bar.astype(np.float32) / 255 * np.float32(rng.choice([0.0, 0.5, 0.8, 1.0]))
    front = letters.astype(np.float32) / 255
    dark = rng.random() < 0.8
    rgb = rgb + behind[..., None] * (np.float32(20 if dark else 235) - rgb)
    rgb = rgb + front[..., None] * (np.float32(245 if dark else 15) - rgb)
    return rgb, (1 - (1 - behind) * (1 - front)).astype(np.float32)


def _capsule(
    canvas: NDArray[np.uint8], start: NDArray[np.floating], end: NDArray[np.floating], radius: float
) -> None:
    first, last = ([round(float(x) * 16) for x in point] for point in (start, end))
    cv2.line(canvas, first, last, 255, max(1, round(2 * radius)), cv2.LINE_AA, 4)


def _typical(rgb: NDArray[np.float32], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median colour of the face's oval, nearly enough."""
    (left, top), (right, bottom) = landmarks[OVAL].min(axis=0).astype(int), landmarks[OVAL].max(axis=0).astype(int)
    inside = rgb[max(0, top) : max(1, bottom) : 4, max(0, left) : max(1, right) : 4].reshape(-1, 3)
    return np.median(inside, axis=0).astype(np.float32) if len(inside) else _SKIN[2]
