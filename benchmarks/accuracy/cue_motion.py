"""Blinks and mouth, from the landmarks of every frame: one number a clip each, higher speaks for a swap.

A swap is drawn from a driving face, so eyelids and lips may follow it incompletely or shakily: that is what these
look for. Settings were stated before anything was measured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.cue_frames import Frames

Array = NDArray[np.float64]

_LEFT_EYE = (33, 133, (160, 158), (144, 153))
_RIGHT_EYE = (263, 362, (387, 385), (373, 380))
_MOUTH = (61, 291, (81, 13, 311), (178, 14, 402))
"""Corners, then upper and lower points: MediaPipe Face Mesh indices."""

_LEAST_S = 3.0
"""Shorter clips say nothing about blinking."""


def shallow_blinks(frames: Frames) -> float:
    """How far the eyes stay open when they are most closed, over their usual opening."""
    opening = (_opening(frames, _LEFT_EYE) + _opening(frames, _RIGHT_EYE)) / 2
    return float(np.nanpercentile(opening, 1) / np.nanmedian(opening)) if _long(frames, opening) else np.nan


def eyes_apart(frames: Frames) -> float:
    """How little the two eyes open and close together: one minus the correlation of their openings."""
    left, right = _opening(frames, _LEFT_EYE), _opening(frames, _RIGHT_EYE)
    seen = np.isfinite(left) & np.isfinite(right)
    return 1 - float(np.corrcoef(left[seen], right[seen])[0, 1]) if _long(frames, left) else np.nan


def shaking_lips(frames: Frames) -> float:
    """How much of the mouth's movement is faster than anybody speaks: above 7 Hz against below 5 Hz, logarithm."""
    return _fast_share(frames, _MOUTH)


def shaking_lids(frames: Frames) -> float:
    """The same of the left eye, where a blink's fastest part lies below 7 Hz."""
    return _fast_share(frames, _LEFT_EYE)


def still_lips(frames: Frames) -> float:
    """Minus the spread of the mouth's opening, over its width."""
    opening = _opening(frames, _MOUTH)
    return -float(np.nanstd(opening)) if _long(frames, opening) else np.nan


MOTION: dict[str, Callable[[Frames], float]] = {
    "blinks do not close": shallow_blinks,
    "eyes close apart": eyes_apart,
    "lips shake": shaking_lips,
    "lids shake": shaking_lids,
    "lips keep still": still_lips,
}


def _opening(frames: Frames, part: tuple[int, int, tuple[int, ...], tuple[int, ...]]) -> Array:
    """Return the height of an eye or the mouth over its width on each frame (Soukupova and Cech 2016)."""
    one, other, upper, lower = part
    points = frames.points.astype(np.float64)
    width = np.linalg.norm(points[:, one] - points[:, other], axis=1)
    height = np.linalg.norm(points[:, list(upper)] - points[:, list(lower)], axis=2).mean(axis=1)
    return np.asarray(height / width)


def _long(frames: Frames, series: Array) -> bool:
    return bool(np.isfinite(series).sum() >= _LEAST_S * frames.fps)


def _fast_share(frames: Frames, part: tuple[int, int, tuple[int, ...], tuple[int, ...]]) -> float:
    series = _opening(frames, part)
    if not _long(frames, series) or frames.fps < 20:
        return np.nan
    at = np.arange(len(series))
    seen = np.isfinite(series)
    whole = np.interp(at, at[seen], series[seen])
    power = np.abs(np.fft.rfft((whole - whole.mean()) * np.hanning(len(whole)))) ** 2
    hertz = np.fft.rfftfreq(len(whole), 1 / frames.fps)
    return float(np.log(power[hertz > 7].sum() + 1e-12) - np.log(power[(hertz > 0.3) & (hertz < 5)].sum() + 1e-12))
