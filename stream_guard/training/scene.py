"""What real people wear, hold and sit under, so that a detector does not take it for forgery: hard negatives."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import CHEEKS, EYES, LIPS, MOUTH, OVAL, UPPER_LIDS, head_width, region

__all__ = ["cover", "dress"]

_GLASSES, _MAKE_UP, _LIGHT = 0.12, 0.12, 0.12
_OBJECT, _CAPTION = 0.08, 0.06
"""How often each is seen."""

_SKIN = np.array(
    [[236, 198, 176], [222, 178, 150], [200, 152, 122], [170, 120, 92], [130, 88, 66], [92, 60, 46]], np.float32
)
_LIPSTICKS = np.array([[190, 40, 60], [150, 30, 50], [200, 90, 100], [120, 40, 60], [190, 110, 100]], np.float32)
_SHADOWS = np.array([[70, 50, 45], [60, 60, 90], [110, 70, 90], [150, 110, 80], [40, 40, 45]], np.float32)
_FRAMES = np.array([[20, 18, 18], [50, 35, 28], [90, 60, 40], [130, 130, 135], [170, 140, 80], [90, 25, 30]])
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
        float32, like `rgb`.
    """
    make_up, glasses, light = rng.random(3) < (_MAKE_UP, _GLASSES, _LIGHT)
    if make_up:
        rgb = _make_up(rgb, landmarks, rng)
    if glasses:
        rgb = _wear_glasses(rgb, landmarks, rng)
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
    if holds:
        rgb, alpha = _hold(rgb, landmarks, rng)
    if captioned:
        rgb, written = _caption(rgb, rng)
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
    grey = rgb @ _GREY
    tint = (colour * np.float32(0.9) / max(40.0, float(colour @ _GREY))).astype(np.float32)
    target: NDArray[np.float32] = grey[..., None] * tint
    return rgb + alpha[..., None] * (target - rgb)


def _wear_glasses(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    left, right = (landmarks[eye].mean(axis=0).astype(np.float64) for eye in EYES)
    along = right - left
    apart = float(np.hypot(*along))
    if apart < 0.15 * width:  # a profile: a pair drawn flat would not fit
        return rgb
    down = np.array([-along[1], along[0]]) / apart
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
    colour = (_pick(_FRAMES, rng) * rng.uniform(0.7, 1.3)).astype(np.float32)
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


def _hold(
    rgb: NDArray[np.float32], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A hand, a microphone or a cup, from below or from the side, over the mouth, the chin or a cheek."""
    shape, width = (rgb.shape[0], rgb.shape[1]), head_width(landmarks)
    chin, centre = landmarks[152], landmarks.mean(axis=0)
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    target = centre + rng.uniform([-0.4, 0.15], [0.4, 0.45]) * width
    canvas = np.zeros(shape, np.uint8)
    if kind == 0:
        tone = _SKIN[np.argmin(np.abs(_SKIN @ _GREY - _typical(rgb, landmarks) @ _GREY))]
        colour = tone * np.float32(rng.uniform(0.85, 1.1))
        side = np.sign(target[0] - centre[0])
        root = chin + np.array([side * rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.6)]) * width
        _capsule(canvas, root, root + np.array([side * 0.3, 0.8]) * width, 0.2 * width)
        spread = (target - root) / max(1.0, float(np.hypot(*(target - root))))
        across = np.array([-spread[1], spread[0]]) * 0.105 * width
        for finger in range(int(rng.integers(2, 5))):
            tip = target + across * (finger - 1.5) - spread * rng.uniform(0, 0.1) * width
            _capsule(canvas, root + across * (finger - 1.5) * 0.8, tip, 0.055 * width)
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
    grain = rng.standard_normal((*shape, 1), np.float32) * np.float32(rng.uniform(1, 4))
    drawn = colour * (np.float32(0.45) + np.float32(0.6) * body[..., None]) + grain
    shaded = rgb * (1 - np.float32(0.35) * body[..., None])
    return shaded + alpha[..., None] * (drawn - shaded), alpha


def _capsule(
    canvas: NDArray[np.uint8], start: NDArray[np.floating], end: NDArray[np.floating], radius: float
) -> None:
    first, last = ([round(float(x) * 16) for x in point] for point in (start, end))
    cv2.line(canvas, first, last, 255, max(1, round(2 * radius)), cv2.LINE_AA, 4)


def _caption(rgb: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A name tag or a subtitle near the upper or the lower edge, with or without a bar behind it."""
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


def _typical(rgb: NDArray[np.float32], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median colour of the face's oval, nearly enough."""
    (left, top), (right, bottom) = landmarks[OVAL].min(axis=0).astype(int), landmarks[OVAL].max(axis=0).astype(int)
    inside = rgb[max(0, top) : max(1, bottom) : 4, max(0, left) : max(1, right) : 4].reshape(-1, 3)
    return np.median(inside, axis=0).astype(np.float32) if len(inside) else _SKIN[2]


def _spot(shape: tuple[int, int], centre: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    across = np.exp(-(((columns - centre[0]) / sigma) ** 2) / 2)
    return (np.exp(-(((rows - centre[1]) / sigma) ** 2) / 2) * across).astype(np.float32)  # type: ignore[no-any-return]


def _pick(colours: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    return (colours[int(rng.integers(len(colours)))] + rng.uniform(-15, 15, 3)).clip(0, 255).astype(np.float32)  # type: ignore[no-any-return]
