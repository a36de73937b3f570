"""The face hop: inside one track, from one frame to the next, the face is drawn differently while the head stays.

Both halves of a pair show the same moments, so a swap that is switched on between two frames can be played at any
moment: the first frame from the real half, the second from the swapped one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.cue_footage import Series
from stream_guard.evaluation.accuracy import auc

Array = NDArray[np.float64]

_SIDE, _CELL, _REACH = 48, 8, 2
_EYES = (33, 263)
_FLAT = 9.0
"""Variance, in squared grey levels, below which a cell shows noise alone."""


@dataclass(frozen=True, slots=True)
class Hops:
    """Switches against ordinary frames.

    Attributes:
        auc: of a switch against ordinary frames of all faces.
        found: share of switches above the level that ordinary frames reach so often:
        false_an_hour: at 30 frames a second, of `frames` ordinary ones.
        above: that level, over the face's own median difference.
    """

    auc: float
    found: float
    false_an_hour: float
    frames: int
    above: float


def hops(real: list[Series], pairs: list[tuple[Series, Series]], *, above: float = 10.0) -> Hops:
    """Measure the differences of consecutive frames, over the median of the same face's own.

    Args:
        real: series of real faces.
        pairs: the real and the swapped half of the same moments.
        above: level at which a difference counts as a hop.
    """
    ordinary, switched = [], []
    for series in real:
        own = differences(series, series)
        ordinary.append(own / np.nanmedian(own))
    for first, second in pairs:
        usually = float(np.nanmedian(differences(first, first)))
        switched.append(differences(first, second) / usually)
    usual, odd = (np.concatenate(values) for values in (ordinary, switched))
    usual, odd = usual[np.isfinite(usual)], odd[np.isfinite(odd)]
    false = float((usual > above).mean()) * 30 * 3600
    return Hops(auc(usual, odd), float((odd > above).mean()), false, len(usual), above)


def differences(first: Series, second: Series) -> Array:
    """Return how far each first frame of one series is from the second of another, 0 to 2; NaN without a face.

    One minus the best correlation of each cell of the inner face with its neighbourhood, so that light and small
    movements of the skin do not count.
    """
    count = min(len(first.at_s), len(second.at_s))
    found = np.full(count, np.nan)
    for moment in range(count):
        one, other = (
            _upright(series.grey[moment, side], series.points[moment, side])
            for series, side in ((first, 0), (second, 1))
        )
        if one is not None and other is not None:
            found[moment] = _difference(one, other)
    return found


def _upright(grey: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the inner face with the outer corners of the eyes at fixed places; float32, (48, 48)."""
    if not np.isfinite(points).all():
        return None
    source = points[list(_EYES)].astype(np.float64)
    target = np.array([[0.27, 0.36], [0.73, 0.36]]) * _SIDE
    turn = complex(*(target[1] - target[0])) / complex(*(source[1] - source[0]))
    matrix = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0]])
    matrix[:, 2] = target[0] - matrix[:, :2] @ source[0]
    sigma = 0.4 / abs(turn)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma) if sigma > 0.4 else grey
    return np.asarray(cv2.warpAffine(smooth, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE), np.float32)


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    wide = cv2.copyMakeBorder(other, *(_REACH,) * 4, cv2.BORDER_REPLICATE)
    lost = []
    for top in range(_CELL, _SIDE - _CELL, _CELL):
        for left in range(_CELL, _SIDE - _CELL, _CELL):
            cell = one[top : top + _CELL, left : left + _CELL]
            if cell.var() < _FLAT:
                continue
            near = wide[top : top + _CELL + 2 * _REACH, left : left + _CELL + 2 * _REACH]
            lost.append(1.0 - float(cv2.matchTemplate(near, cell, cv2.TM_CCOEFF_NORMED).max()))
    return float(np.mean(lost)) if lost else 0.0
