"""Which parts of a face look different from a moment ago, whatever may be the cause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cover"]

_LEAST = 5
"""Maps it takes to know how a face looks."""

_FLOOR = 8.0
"""A part that differs by less, in grey levels, has not changed: sensor noise, a heartbeat of the exposure."""

_SPREADS = 5.0
"""Nor has one that differs by less than this many of its own spreads: a mouth that talks, eyes that blink."""

_TO_SIGMA = 1.4826
"""From a median absolute deviation to a standard deviation."""


class Cover:
    """Compares the parts of a face with how they looked at rest; light that changed as a whole does not count."""

    def __init__(self, maps: Sequence[NDArray[np.float32]]) -> None:
        """Learn how the face looks.

        Args:
            maps: at rest: float32, shape (rows, columns, channels), grey levels, of one face.
        """
        self.known = len(maps) >= _LEAST
        """Whether there is enough to compare with."""
        if self.known:
            first = np.asarray(maps[0])
            stack = np.stack([map_ * _gain(map_, first) for map_ in maps])
            self._usual = np.median(stack, axis=0)
            spread = _TO_SIGMA * np.median(np.abs(stack - self._usual), axis=0)
            near = _neighbours(self._usual)
            self._low = near.min(axis=0) - np.maximum(_FLOOR, _SPREADS * spread)
            self._high = near.max(axis=0) + np.maximum(_FLOOR, _SPREADS * spread)

    def changed(self, map_: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which parts look different: bool, shape (rows, columns); none where nothing is known."""
        if not self.known:
            return np.zeros(map_.shape[:2], np.bool_)
        now = map_ * _gain(map_, self._usual)
        return np.asarray(((now < self._low) | (now > self._high)).any(axis=2), np.bool_)


def _gain(map_: NDArray[np.float32], usual: NDArray[np.float32]) -> float:
    """Return by how much light is to be scaled: by the median part, so that what is hidden does not count."""
    ratio = float(np.median((usual + 8.0) / (map_ + 8.0)))
    return min(1.5, max(0.67, ratio))


def _neighbours(map_: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return every cell with the eight around it, shape (9, rows, columns, channels): landmarks waver by a cell."""
    rows, columns = map_.shape[:2]
    padded = np.pad(map_, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
