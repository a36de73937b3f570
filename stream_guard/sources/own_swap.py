"""A face swap of somebody with themselves, for trying an alarm out: nobody's likeness is needed, and no model.

It does what live swap tools do and detectors look for: the face is taken down to what a small decoder gives,
sharpened, not quite matched in colour, a little too large, never quite the same twice, and pasted with a soft edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LABEL", "OwnSwap", "SwapStrength", "as_jpeg", "mark", "swap_face"]

LABEL = "REHEARSAL"

_SQUARE = 1.35
"""Side of what is decoded, over the face's longer side."""

_PICTURE_PX = 480
"""Longer side of the picture that people are shown."""


@dataclass(frozen=True, slots=True)
class SwapStrength:
    """How the swap is drawn. On 60 held-out faces of the training sets the default model's log-likelihood ratio
    rises by 6.0 on average with these, to 3.2 and more for nine in ten.

    Attributes:
        decoded: side of the decoded face, over its side in the frame: below 1 it loses detail.
        most_px: the decoded face has no more than this; live swap tools have 128 to 224.
        sharpen: strength of the unsharp mask.
        colour: added to R, G and B of the pasted face, 0 to 255.
        growth: size of the pasted face over the real one.
    """

    decoded: float = 0.3
    most_px: int = 64
    sharpen: float = 1.2
    colour: tuple[float, float, float] = (7.0, -2.0, -6.0)
    growth: float = 1.04


class OwnSwap:
    """Swaps the faces it is aimed at. `aim` may be called from another thread than `draw`.

    Attributes:
        swapped: how many frames showed a swapped face so far.
        picture: the newest frame, small and marked all over: uint8, shape (height, width, 3), or None.
    """

    def __init__(self, strength: SwapStrength | None = None, *, seed: int = 7) -> None:
        """Prepare; nothing is swapped until `aim` was called.

        Args:
            strength: how it is drawn.
            seed: of what varies from frame to frame.
        """
        self._strength = strength or SwapStrength()
        self._random = np.random.default_rng(seed)
        self._faces: tuple[NDArray[np.float32], ...] = ()
        self.swapped = 0
        self.picture: NDArray[np.uint8] | None = None

    def aim(self, faces: Sequence[NDArray[np.float32]]) -> None:
        """Swap the faces at these places from now on.

        Args:
            faces: landmarks, each float32, shape (478, 2), pixels of the frame.
        """
        self._faces = tuple(faces)

    def draw(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame with swapped faces, the word REHEARSAL in its upper and lower edge.

        Args:
            rgb: uint8, shape (height, width, 3); left as it is.
        """
        picture = rgb.copy()
        done = [swap_face(picture, face, self._strength, self._random) for face in self._faces]
        self.swapped += any(done)
        _mark_edges(picture)
        self.picture = mark(picture)
        return picture


def swap_face(
    rgb: NDArray[np.uint8], landmarks: NDArray[np.float32], strength: SwapStrength, random: np.random.Generator
) -> bool:
    """Swap one face in place.

    Args:
        rgb: uint8, shape (height, width, 3), contiguous.
        landmarks: float32, shape (n, 2), pixels; they may be a frame old.
        strength: how it is drawn.
        random: what a decoder would vary.

    Returns:
        Whether there was a face to swap: one that lies in the frame.
    """
    height, width = rgb.shape[:2]
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    middle, side = (low + high) / 2, float((high - low).max())
    reach = 0.75 * _SQUARE * side
    left, top = (max(0, int(edge)) for edge in middle - reach)
    right, bottom = (min(most, int(edge) + 1) for edge, most in zip(middle + reach, (width, height), strict=True))
    if side < 16 or right - left < 16 or bottom - top < 16:
        return False
    view = rgb[top:bottom, left:right]
    points = (landmarks - np.array((left, top))).astype(np.float32)
    decoded = _decoded(view, (low + high) / 2 - (left, top), side, strength, random)
    mask = np.zeros(view.shape[:2], np.float32)
    hull = cv2.convexHull((points - points.mean(axis=0)) * np.float32(0.96) + points.mean(axis=0))
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1.0, cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.025 * side))[:, :, None]
    view[:] = np.clip(np.round(view * (1 - mask) + decoded * mask), 0, 255)
    return True


def mark(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a small copy with the word across it, for people: uint8, longer side `_PICTURE_PX` at most."""
    scale = min(1.0, _PICTURE_PX / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small: NDArray[np.uint8] = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    middle = small.shape[0] // 2
    _write(small, middle, size=small.shape[1] / 220)
    return small


def _decoded(
    view: NDArray[np.uint8],
    middle: NDArray[np.float32],
    side: float,
    strength: SwapStrength,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the view as a small decoder would give it: float32, of the same shape."""
    square = _SQUARE * side
    pixels = int(np.clip(strength.decoded * square, 16, strength.most_px))
    scale = pixels / square
    into = np.array([[scale, 0, pixels / 2 - scale * middle[0]], [0, scale, pixels / 2 - scale * middle[1]]])
    blurred = cv2.GaussianBlur(view, (0, 0), max(0.3, 0.5 / scale))  # or shrinking would alias
    small = cv2.warpAffine(blurred, into, (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small = cv2.bilateralFilter(small, 5, 22, 3)  # decoders lose pores; sharpening does not bring them back
    soft = cv2.GaussianBlur(small, (0, 0), 1.0)
    small = cv2.addWeighted(small, 1 + strength.sharpen, soft, -strength.sharpen, 0)
    back = cv2.invertAffineTransform(into)[:, :2] * strength.growth
    shift = middle + random.normal(0, 0.0025 * side, size=2) - back @ np.full(2, pixels / 2)
    face: NDArray[np.float32] = cv2.warpAffine(
        small,
        np.column_stack([back, shift]),
        (view.shape[1], view.shape[0]),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    return face + np.asarray(strength.colour, np.float32) + random.normal(0, 0.6, size=3).astype(np.float32)


def _mark_edges(rgb: NDArray[np.uint8]) -> None:
    """Write the word along the upper and lower edge, in place: it must not hide the face from the detector."""
    size = rgb.shape[1] / 640
    line = max(8, round(22 * size))
    for y in (line // 2 + 2, rgb.shape[0] - line // 2 - 2):
        _write(rgb, y, size=size)


def _write(rgb: NDArray[np.uint8], y: int, *, size: float) -> None:
    """Write the word about a height, white on black edges, in place."""
    thick = max(1, round(2 * size))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(LABEL, font, 0.7 * size, thick)
    place = ((rgb.shape[1] - width) // 2, y + height // 2)
    for colour, weight in ((0, 3 * thick), (255, thick)):
        cv2.putText(rgb, LABEL, place, font, 0.7 * size, (colour,) * 3, weight, cv2.LINE_AA)


def as_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8, shape (height, width, 3), as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return data.tobytes()
