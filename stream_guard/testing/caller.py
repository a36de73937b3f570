"""A caller made on the spot: a webcam picture of one person, and a face swap that can begin at any moment.

The picture is `skimage.data.astronaut` (NASA, public domain), which the package ships. The model has never
been trained on it. The person sways, the light changes, the sensor is noisy. The swap does what live swap
tools do (a small decoded face, sharpened, colour-matched not quite, pasted with a soft mask), but it is made
here from the same face: no swap tool and nobody's likeness is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Caller", "Swap"]

# The face in the 512 x 512 picture: the ellipse around its 478 landmarks.
_CENTRE = (224.5, 120.2)
_AXES = (46.5, 55.7)

_PAD = 96
"""Pixels of blurred border around it: at 16:9 the frame is wider than the picture."""


@dataclass(frozen=True, slots=True)
class Swap:
    """How the swapped face is made.

    Attributes:
        decoded_px: side of the face as the "decoder" gives it; live swap tools use 128 to 224 for a square
            about 1.5 times the face.
        sharpen: strength of the unsharp mask after enlarging.
        colour: added to R, G and B of the pasted face, 0 to 255.
        growth: size of the pasted face over the real one.
        blend: share of the pasted face, 0 to 1.
    """

    decoded_px: int = 72
    sharpen: float = 1.2
    colour: tuple[float, float, float] = (7.0, -2.0, -6.0)
    growth: float = 1.04
    blend: float = 1.0


class Caller:
    """Draws the call, one frame at a time. The same time always gives the same frame."""

    def __init__(
        self,
        *,
        width: int = 1280,
        height: int = 720,
        swap_at_s: float | None = None,
        swap: Swap | None = None,
        seed: int = 7,
    ) -> None:
        """Prepare the pictures.

        Args:
            width, height: of the frames in pixels.
            swap_at_s: when the swap begins, in seconds; None is never.
            swap: how it is made.
            seed: of the sensor noise.
        """
        try:
            from skimage.data import astronaut
        except ImportError as error:
            raise ImportError("the made-up caller needs scikit-image: pip install 'stream-guard[demo]'") from error
        self.swap_at_s = swap_at_s
        self._size = (width, height)
        # A face of 200 px at 720 lines, as at arm's length from a laptop.
        self._zoom = 200 / 93 * height / 720
        real = np.ascontiguousarray(astronaut())
        self._real = _widened(real)
        self._swapped = [_widened(_swapped(real, swap or Swap(), step)) for step in range(8)]
        random = np.random.default_rng(seed)
        # Noise is drawn once, larger than the frame, and shifted: drawing it anew would cost 20 ms a frame.
        noise = random.normal(0.0, 2.2, size=(height + 64, width + 64, 1)) + random.normal(
            0.0, 1.0, size=(height + 64, width + 64, 3)
        )
        self._noise = np.clip(np.round(noise + 128), 0, 255).astype(np.uint8)

    def frame(self, t: float) -> NDArray[np.uint8]:
        """Return the picture at a time.

        Args:
            t: seconds from the start of the call.

        Returns:
            uint8, shape (height, width, 3), RGB.
        """
        picture = self._real
        if self.swap_at_s is not None and t >= self.swap_at_s:
            # A live swap decodes every frame anew: the pasted face is never quite the same.
            picture = self._swapped[int(t * 30) * 5 % len(self._swapped)]
        width, height = self._size
        frame = cv2.warpAffine(
            picture, self._pose(t), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        light = 0.94 + 0.05 * np.sin(0.7 * t) + 0.02 * np.sin(2.3 * t)
        down, right = int(t * 30) * 17 % 64, int(t * 30) * 29 % 64
        noise = self._noise[down : down + height, right : right + width]
        return cv2.addWeighted(frame, float(light), noise, 1.0, -128.0)  # type: ignore[no-any-return]

    def _pose(self, t: float) -> NDArray[np.float64]:
        """Return the affine from picture to frame: a person who talks and sways."""
        width, height = self._size
        zoom = self._zoom * (1 + 0.02 * np.sin(0.5 * t))
        angle = 2.5 * np.sin(0.9 * t) + 0.8 * np.sin(2.1 * t)
        middle = (_CENTRE[0] + _PAD, _CENTRE[1] + _PAD)
        matrix = cv2.getRotationMatrix2D(middle, float(angle), float(zoom))
        x = width / 2 + 0.02 * width * np.sin(0.6 * t) + 0.003 * width * np.sin(3.1 * t)
        y = 0.40 * height + 0.012 * height * np.sin(1.1 * t)
        matrix[:, 2] += (x - middle[0], y - middle[1])
        return matrix  # type: ignore[no-any-return]


def _widened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with a blurred border. A sharp one would mirror the flag, whose stars pass for faces."""
    border = cv2.copyMakeBorder(picture, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_REFLECT)
    wide: NDArray[np.uint8] = cv2.GaussianBlur(border, (0, 0), 14)
    wide[_PAD:-_PAD, _PAD:-_PAD] = picture
    return wide


def _swapped(real: NDArray[np.uint8], swap: Swap, step: int) -> NDArray[np.uint8]:
    """Return the picture with the face decoded anew; ``step`` varies what a decoder would vary."""
    random = np.random.default_rng(step)
    x, y = _CENTRE
    half = 1.25 * max(_AXES)
    scale = swap.decoded_px / (2 * half)
    into = np.array([[scale, 0, scale * (half - x)], [0, scale, scale * (half - y)]])
    blurred = cv2.GaussianBlur(real, (0, 0), 0.5 / scale)  # or shrinking would alias
    small = cv2.warpAffine(blurred, into, (swap.decoded_px, swap.decoded_px), flags=cv2.INTER_LINEAR)
    # Decoders smooth skin and lose pores; the sharpening that follows does not bring them back.
    small = cv2.bilateralFilter(small, 5, 22, 3)
    soft = cv2.GaussianBlur(small, (0, 0), 1.0)
    small = cv2.addWeighted(small, 1 + swap.sharpen, soft, -swap.sharpen, 0)
    moved = random.normal(0, 0.25, size=2)
    out = cv2.invertAffineTransform(into)
    grown = np.diag([swap.growth, swap.growth]) @ out[:, :2]
    shift = np.array([x, y]) + moved - grown @ np.full(2, swap.decoded_px / 2)
    pasted = cv2.warpAffine(
        small,
        np.column_stack([grown, shift]),
        (real.shape[1], real.shape[0]),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    pasted += np.asarray(swap.colour, dtype=np.float32) + random.normal(0, 0.6, size=3).astype(np.float32)
    mask = np.zeros(real.shape[:2], dtype=np.float32)
    axes = (round(_AXES[0] * 0.95), round(_AXES[1] * 0.92))
    cv2.ellipse(mask, (round(x), round(y + 2)), axes, 0, 0, 360, swap.blend, -1, cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), 3.0)[:, :, None]
    mixed: NDArray[np.float32] = real * (1 - mask) + pasted * mask
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)
