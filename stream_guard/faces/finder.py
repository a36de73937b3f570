"""Finds every face in a frame, however many there are: CenterFace over the whole picture.

MediaPipe's own detector is made for one near face: in a gallery it finds none. CenterFace (Xu et al., "CenterFace:
Joint Face Detection and Alignment Using Face as Point", 2019) gives a heat map of face centres and finds them down
to about 10 px of its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box

__all__ = ["Finder", "Found"]

_STRIDE = 4
"""Pixels of the network's input a cell of its heat map stands for."""

_SAME = 0.3
"""Above this intersection over union two finds are one face."""

_LANDMARKS = (-0.012, 0.043, 1.01, 0.925)
"""Where MediaPipe's landmarks lie in CenterFace's box: shift of the centre, and size, each across and down, over
the box's. Medians of 109 faces (standard deviations 0.02, 0.03, 0.04, 0.03), so that a box stays as it is
when it is measured."""

_WINDOW = (2240, 1232)
"""The largest piece of a frame that is shrunk to the network's input as a whole: a face of 40 px keeps 11 px there.
The smallest faces found in galleries had 9.5."""

_OVERLAPPING = 240
"""Pixels that neighbouring windows share at least: a face that is larger is found in the whole picture."""


@dataclass(frozen=True, slots=True)
class Found:
    """One face the finder sees.

    Attributes:
        box: in pixels of the frame. What the face's landmarks would span, as near as can be told.
        confidence: 0 to 1.
        turn: how far the nose lies to the right of the middle of the eyes, over their distance. Roughly the yaw in
            degrees over 95 (correlation 0.97 with MediaPipe's, on 845 photographs); beyond 1 it is a profile.
    """

    box: Box
    confidence: float
    turn: float = 0.0


class Finder:
    """Finds faces with CenterFace. Keeps nothing between calls.

    One run of the network up to 2240x1232 (or that shape turned, as far as it is no taller than 1232); larger and
    taller frames, where a face of 40 px would vanish, are looked at as a whole and then through windows: 3 runs for
    1080x1920, 5 for 3840x2160.
    """

    INPUT_SHAPE: ClassVar[tuple[int, int, int, int]] = (1, 3, 352, 640)
    """What the network must be opened with."""

    def __init__(
        self,
        network: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]],
        *,
        threshold: float = 0.35,
        min_px: int = 24,
    ) -> None:
        """Take the network.

        Args:
            network: CenterFace at `INPUT_SHAPE`: float32 RGB 0..255, to heat map, scale, offset, landmarks.
            threshold: least confidence; the faintest of 50 faces in two galleries of 5x5 had 0.39, at 29 px.
            min_px: the shorter side, in pixels of the frame, below which a face is left out.
        """
        self._network = network
        self._threshold = threshold
        self._min_px = min_px

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Found]:
        """Find every face.

        Args:
            rgb: uint8, shape (height, width, 3), any size.

        Returns:
            The faces, most confident first.
        """
        seen = self._look(rgb)
        windows = _windows(*rgb.shape[1::-1])
        if windows:  # a smaller face lies whole in one of them, where it is seen better
            seen = seen[np.maximum(seen[:, 2], seen[:, 3]) > _OVERLAPPING]
            seen = np.concatenate([seen, *(self._look_through(rgb, window) for window in windows)])
        seen = seen[np.minimum(seen[:, 2], seen[:, 3]) >= self._min_px]
        return [
            Found(_as_landmarks(seen[index, :4]), float(seen[index, 4]), float(seen[index, 5]))
            for index in _strongest(seen[:, :4], seen[:, 4])
        ]

    def _look(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network over one picture, shrunk to fit; return `_decode`'s rows in the picture's pixels."""
        _, _, height, width = self.INPUT_SHAPE
        scale = min(width / rgb.shape[1], height / rgb.shape[0])
        inner = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
        canvas = np.zeros((height, width, 3), np.uint8)
        # By halves and then bilinearly would take 4 ms less, and loses the smallest faces of galleries.
        canvas[: inner[1], : inner[0]] = cv2.resize(
            rgb, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        seen = _decode(
            self._network(np.ascontiguousarray(canvas.transpose(2, 0, 1), np.float32)[None]), self._threshold
        )
        seen[:, :4] /= scale
        return seen

    def _look_through(self, rgb: NDArray[np.uint8], window: tuple[int, int, int, int]) -> NDArray[np.float32]:
        """Look at one window (left, top, right, bottom); leave out the faces that its edge cuts."""
        left, top, right, bottom = window
        seen = self._look(rgb[top:bottom, left:right])
        seen[:, :2] += (left, top)
        x, y, width, height = seen[:, :4].T
        whole = ((x > left) | (left == 0)) & ((y > top) | (top == 0))
        whole &= (x + width < right) | (right == rgb.shape[1])
        whole &= (y + height < bottom) | (bottom == rgb.shape[0])
        return np.asarray(seen[whole])


def _windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Return the windows (left, top, right, bottom) a large or tall frame is looked at through; else none."""
    columns, rows = _steps(width, _WINDOW[0]), _steps(height, _WINDOW[1])
    if len(columns) == len(rows) == 1:
        return []
    return [(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def _steps(length: int, longest: int) -> list[tuple[int, int]]:
    """Divide a length into overlapping pieces (from, to), as few and as small as can be."""
    if length <= longest:
        return [(0, length)]
    count = math.ceil((length - _OVERLAPPING) / (longest - _OVERLAPPING))
    piece = math.ceil((length + (count - 1) * _OVERLAPPING) / count)
    starts = [round(index * (length - piece) / (count - 1)) for index in range(count)]
    return [(start, start + piece) for start in starts]


def _decode(outputs: list[NDArray[np.float32]], threshold: float) -> NDArray[np.float32]:
    """Turn the network's maps into one row a face: left, top, width, height (in its input), confidence, turn."""
    heat, scale, offset, points = (output[0] for output in outputs)
    rows, columns = np.nonzero(heat[0] > threshold)
    height, width = np.exp(scale[:, rows, columns]) * _STRIDE
    y, x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * _STRIDE
    # Five points (eyes, nose, corners of the mouth), each (y, x), as fractions of the box.
    down, across = points[:, rows, columns].reshape(5, 2, -1).swapaxes(0, 1) * np.stack([height, width])[:, None]
    eyes = np.stack([across[1] - across[0], down[1] - down[0]])
    nose = np.stack([across[2] - (across[0] + across[1]) / 2, down[2] - (down[0] + down[1]) / 2])
    turn = (nose * eyes).sum(axis=0) / np.maximum((eyes * eyes).sum(axis=0), 1e-6)
    found = np.stack([x - width / 2, y - height / 2, width, height, heat[0, rows, columns], turn], axis=1)
    return found.astype(np.float32)


def _as_landmarks(box: NDArray[np.float32]) -> Box:
    """Return what the landmarks of a face with this box (left, top, width, height) would span."""
    left, top, width, height = (float(value) for value in box)
    across, down, wide, high = _LANDMARKS
    x, y = left + width * (0.5 + across), top + height * (0.5 + down)
    return Box(x - width * wide / 2, y - height * high / 2, width * wide, height * high)


def _strongest(boxes: NDArray[np.float32], confidence: NDArray[np.float32]) -> list[int]:
    """Return the indices of boxes that no stronger one overlaps, strongest first (greedy suppression)."""
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    areas = boxes[:, 2] * boxes[:, 3]
    waiting = np.argsort(-confidence, kind="stable")
    kept: list[int] = []
    while waiting.size:
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        across = np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting])
        down = np.minimum(bottom[best], bottom[waiting]) - np.maximum(top[best], top[waiting])
        shared = np.clip(across, 0, None) * np.clip(down, 0, None)
        waiting = waiting[shared <= _SAME * (areas[best] + areas[waiting] - shared)]
    return kept
