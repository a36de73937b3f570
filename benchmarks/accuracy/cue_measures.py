"""Single cues, one number a moment each: higher speaks for a swap. What they are worth is what `cues` measures.

Settings were stated before anything was measured, and are not fitted to the clips.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.cue_footage import PAIRS_A_SECOND, Series
from stream_guard.training.contours import EYES, LIPS, OVAL, region

Array = NDArray[np.float64]

_STABLE = [33, 133, 362, 263, 168, 6, 197, 195, 5, 94]
"""Corners of the eyes and the nose: what a face moves least against its skull."""

_RING = 1.35
"""The surroundings end here, over the face's oval."""


def level(series: Series) -> Array:
    """The detector's own log-likelihood ratio, for comparison."""
    return series.llrs.astype(np.float64)


def texture_slip(series: Series) -> Array:
    """Fine texture that does not move with the face, beyond what the surroundings show.

    Fine detail of each frame is carried to the next by optical flow (DIS, Kroeger et al. 2016); what then does not
    correlate has been drawn anew. Inside the face against the ring around it.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    found = []
    for (first, second), points in _moments(series):
        inside, ring = _masks(points[0], first.shape)
        moved = flow.calc(first, second, None)
        rows, columns = np.mgrid[: first.shape[0], : first.shape[1]].astype(np.float32)
        rows, columns = rows + moved[..., 1], columns + moved[..., 0]
        carried = cv2.remap(_fine(second), columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        fine = _fine(first)
        found.append(_correlation(fine, carried, ring) - _correlation(fine, carried, inside))
    return np.array(found)


def noise_gap(series: Series) -> Array:
    """How much cleaner the face is than its surroundings, as the logarithm of the ratio of noise levels.

    Noise by Immerkaer's mask (1996), its median where the picture is smooth.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = []
    for (first, _), points in _moments(series):
        inside, ring = _masks(points[0], first.shape)
        noise = np.abs(cv2.filter2D(first.astype(np.float32), -1, mask))
        rough = np.abs(cv2.Laplacian(cv2.GaussianBlur(first.astype(np.float32), (0, 0), 2.0), -1))
        levels = []
        for part in (inside, ring):
            smooth = part & (rough <= np.median(rough[part]))
            levels.append(float(noise[smooth].mean()) + 0.1)
        found.append(np.log(levels[1] / levels[0]))
    return np.array(found)


def landmark_jitter(series: Series) -> Array:
    """How much landmarks move against each other from frame to frame, beyond what head motion explains."""
    found = []
    for _, points in _moments(series):
        first, second = points
        scale = float(np.hypot(*(first[263] - first[33])))
        left, moved = _residual(first[_STABLE], second[_STABLE])
        found.append(np.log((left / scale + 1e-4) / (moved / scale + 0.01)))
    return np.array(found)


def shape_change(series: Series) -> Array:
    """How far the face's proportions are from what they were half a second before."""
    shapes = [_upright(points[0]) for _, points in _moments(series)]
    back = max(1, round(PAIRS_A_SECOND / 2))
    return np.array([np.abs(one - shapes[max(0, n - back)])[_STABLE].mean() for n, one in enumerate(shapes)])


def pulse(series: Series) -> Array:
    """Minus the share of the skin's colour changes at one pulse rate; one number for the clip, at every moment.

    Plane orthogonal to skin (Wang et al., "Algorithmic principles of remote PPG", 2017), 0.7 to 3 Hz.
    """
    count = int(np.isfinite(series.llrs).sum())
    skin = series.skin[np.isfinite(series.skin).all(axis=1)].astype(np.float64)
    if len(skin) < 4 * series.fps:
        return np.full(count, np.nan)
    normal = skin / skin.mean(axis=0) - 1
    one, two = normal[:, 1] - normal[:, 2], normal[:, 1] + normal[:, 2] - 2 * normal[:, 0]
    signal = one + one.std() / max(two.std(), 1e-9) * two
    signal = signal - np.convolve(signal, np.ones(round(series.fps)) / round(series.fps), "same")
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), 4 * len(signal))) ** 2
    rates = np.fft.rfftfreq(4 * len(signal), 1 / series.fps)
    band = (rates > 0.7) & (rates < 3.0)
    best = rates[band][int(np.argmax(power[band]))]
    near = band & (np.abs(rates - best) < 0.15)
    return np.full(count, -float(power[near].sum() / max(power[band].sum(), 1e-12)))


CUES: dict[str, Callable[[Series], Array]] = {
    "detector": level,
    "texture slip": texture_slip,
    "noise gap": noise_gap,
    "landmark jitter": landmark_jitter,
    "shape change": shape_change,
    "pulse": pulse,
}


def _moments(series: Series) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Return the moments at which both frames show landmarks."""
    return [
        (grey, points) for grey, points in zip(series.grey, series.points, strict=True) if np.isfinite(points).all()
    ]


def _masks(points: NDArray[np.float32], shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the skin of the face (eyes and mouth left out) and the ring around it."""
    size = shape[0], shape[1]
    oval = points[OVAL]
    middle = oval.mean(axis=0)
    inner = region([middle + 0.9 * (oval - middle)], size) > 0.5
    features = region([*(points[eye] for eye in EYES), points[LIPS]], size) > 0.5
    outer = region([middle + _RING * (oval - middle)], size) > 0.5
    return inner & ~features, outer & ~(region([middle + 1.08 * (oval - middle)], size) > 0.5)


def _fine(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    picture = grey.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7) - cv2.GaussianBlur(picture, (0, 0), 2.5))


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], part: NDArray[np.bool_]) -> float:
    a, b = one[part] - one[part].mean(), other[part] - other[part].mean()
    return float((a * b).mean() / (a.std() * b.std() + 0.1))


def _residual(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Return what a similarity leaves of the motion, and the motion: root mean squares in pixels."""
    a, b = (points[:, 0] + 1j * points[:, 1] for points in (one, other))
    centred, moved = a - a.mean(), b - b.mean()
    turn = (np.conj(centred) * moved).sum() / (np.abs(centred) ** 2).sum()
    left = np.abs(moved - turn * centred)
    return float(np.sqrt((left**2).mean())), float(np.sqrt((np.abs(b - a) ** 2).mean()))


def _upright(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return landmarks with the eyes' outer corners at fixed places."""
    across = points[263] - points[33]
    length = float(np.hypot(*across))
    cosine, sine = across / length
    turned = (points - (points[33] + points[263]) / 2) @ np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turned / length, np.float32)
