"""Landmark-mesh swaps: another person's face, warped onto this one's geometry and blended in.

The classic graphics swap, which Rössler et al., "FaceForensics++", ICCV 2019, call FaceSwap; the donor is to be
of like pose, as in Li et al., "Face X-ray", CVPR 2020. Written from the papers' descriptions. Instead of
triangles a thin-plate spline (Bookstein, "Principal Warps", PAMI 1989) carries the landmarks over: it leaves no
creases, is cheap on a coarse grid, and serves re-enactment as well.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.blending import blend, face_mask

__all__ = ["KEYPOINTS", "OVAL", "compatible", "extent", "redraw", "swap", "warp"]

# MediaPipe Face Mesh indices.
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148,
        176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
"""The face's outline, clockwise from the top of the forehead."""
_EYES = [33, 160, 159, 158, 133, 153, 145, 144, 263, 387, 386, 385, 362, 380, 374, 373]
_BROWS = [70, 63, 105, 66, 107, 46, 52, 55, 300, 293, 334, 296, 336, 276, 282, 285]
_NOSE = [168, 6, 195, 4, 1, 2, 98, 327, 48, 278, 129, 358]
_MOUTH = [61, 39, 0, 269, 291, 405, 17, 181, 78, 81, 13, 311, 308, 402, 14, 178]
_CHEEKS = [9, 151, 50, 280, 205, 425, 187, 411, 117, 346, 214, 434, 18, 200]
KEYPOINTS = [*OVAL, *_EYES, *_BROWS, *_NOSE, *_MOUTH, *_CHEEKS]
"""The landmarks that carry a warp: enough for eyes, brows, nose, mouth and outline."""

_CELL, _CELLS = 4.0, 30
"""A warp is computed once in so many pixels, at most so often along a side; between it is interpolated."""

Window = tuple[slice, slice]


def compatible(landmarks: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say how far other faces are from this one in pose, expression and shape.

    Position, scale and roll are taken out (the Procrustes distance), for a warp takes them out as well.

    Args:
        landmarks: float32, shape (478, 2), pixels.
        others: float32, shape (n, 478, 2), pixels, each of its own picture.

    Returns:
        float32, shape (n,), 0 (the same) to 1. The nearest few of 200 photographs are mostly at 0.04 to 0.09.
    """
    points = np.concatenate([landmarks[None, KEYPOINTS], others[:, KEYPOINTS]])
    points = points - points.mean(axis=1, keepdims=True)
    flat = points[..., 0] + 1j * points[..., 1]
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    likeness = np.abs(flat[1:] @ flat[0].conj())
    distances: NDArray[np.float32] = np.sqrt(np.clip(1.0 - likeness**2, 0.0, 1.0)).astype(np.float32)
    return distances


def extent(mask: NDArray[np.float32]) -> Window:
    """Return the rows and columns outside which a mask is zero; empty slices if it is zero everywhere."""
    bounds = []
    for axis in (1, 0):
        hit = np.flatnonzero(mask.max(axis=axis) > 0)
        bounds.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return bounds[0], bounds[1]


def warp(
    source: NDArray[np.float32],
    there: NDArray[np.float32],
    here: NDArray[np.float32],
    window: Window,
    *,
    kernel: int = cv2.INTER_LINEAR,
) -> NDArray[np.float32]:
    """Draw a window of a picture in which the points `there` of the source have moved to `here`.

    Args:
        source: float32, shape (height, width, 3): the picture to take from.
        there: float32, shape (n, 2), pixels of `source`.
        here: float32, shape (n, 2), pixels of the picture that is drawn; `window` counts in it too.
        window: what to draw.
        kernel: OpenCV's interpolation flag.

    Returns:
        float32, shape (rows, columns, 3) of the window.
    """
    rows, columns = window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    down, across = (int(np.clip(side / _CELL, 2, _CELLS)) for side in (height, width))
    # Centres of the cells, where `cv2.resize` takes the values of a small field to be.
    y = rows.start + (np.arange(down) + 0.5) * (height / down) - 0.5
    x = columns.start + (np.arange(across) + 0.5) * (width / across) - 0.5
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    shift = (_spline(here, there, grid) - grid).astype(np.float32).reshape(down, across, 2)
    shift = cv2.resize(shift, (width, height), interpolation=cv2.INTER_CUBIC)
    map_x = shift[..., 0] + np.arange(columns.start, columns.stop, dtype=np.float32)
    map_y = shift[..., 1] + np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    return cv2.remap(source, map_x, map_y, kernel, borderMode=cv2.BORDER_REFLECT)  # type: ignore[no-any-return]


def redraw(face: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Lose detail as a renderer does: a smaller picture enlarged, or a blur, or nothing; sometimes sharpened."""
    kind = rng.random()
    if kind < 0.5:
        height, width = face.shape[:2]
        factor = rng.uniform(0.4, 0.95)
        small = cv2.resize(face, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        drawn = cv2.resize(
            small, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        )
    elif kind < 0.75:
        drawn = cv2.GaussianBlur(face, (0, 0), rng.uniform(0.4, 1.3))
    else:
        drawn = face
    if rng.random() < 0.3:
        drawn = drawn + np.float32(rng.uniform(0.3, 1.2)) * (drawn - cv2.GaussianBlur(drawn, (0, 0), 1.2))
    return drawn  # type: ignore[no-any-return]


def swap(
    rgb: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    other_rgb: NDArray[np.float32],
    other_landmarks: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Put another person's face on this one.

    Args:
        rgb: float32, shape (height, width, 3), 0 to 255: a real face.
        landmarks: float32, shape (478, 2), pixels of `rgb`.
        other_rgb: like `rgb`, of any size: the donor, of like pose (see `compatible`).
        other_landmarks: float32, shape (478, 2), pixels of `other_rgb`.
        rng: source of randomness.

    Returns:
        The pseudo-fake, like `rgb`, and where it was changed: float32, shape (height, width), 0 to 1.
    """
    mask = face_mask(landmarks, rgb.shape[:2], rng)
    window = extent(mask)
    forged = rgb.copy()
    if not mask.any():
        return forged, mask
    here, there = landmarks[KEYPOINTS], other_landmarks[KEYPOINTS]
    # A donor much larger than needed would alias.
    ratio = float(np.ptp(here, axis=0).max() / max(np.ptp(there, axis=0).max(), 1.0))
    if ratio < 0.7:
        other_rgb = cv2.resize(other_rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        there = (there + 0.5) * ratio - 0.5
    face = warp(other_rgb, there, here, window)
    face = redraw(face, rng)
    target, weights = rgb[window], mask[window]
    match = _match_colour if rng.random() < 0.7 else _match_light
    face = match(face, target, weights, rng)
    if rng.random() < 0.25:
        face = _clone(face, target, weights)
    forged[window] = blend(np.clip(face, 0, 255), target, weights)
    return forged, mask


def _spline(
    at: NDArray[np.float32], values: NDArray[np.float32], queries: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Fit a smoothing thin-plate spline that takes `at` to `values`, and evaluate it at other points."""
    centre, scale = at.mean(axis=0), max(float(np.ptp(at, axis=0).max()), 1.0)
    knots, asked = (at - centre) / scale, (queries - centre) / scale
    count = len(knots)
    system = np.zeros((count + 3, count + 3))
    # A little slack: landmarks are noisy, and two that nearly meet (closed lips) must not fold the picture.
    system[:count, :count] = _kernel(knots, knots) + 1e-3 * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), knots])
    system[count:, :count] = system[:count, count:].T
    wanted = np.concatenate([values, np.zeros((3, 2))])
    # OpenCV's solver, for NumPy's starts threads, which cost more than they save in so small a system.
    weights = cv2.solve(system, wanted, flags=cv2.DECOMP_LU)[1].astype(np.float32)
    basis = np.column_stack([_kernel(asked, knots), np.ones(len(asked), np.float32), asked.astype(np.float32)])
    return cv2.gemm(basis, weights, 1.0, None, 0.0)  # type: ignore[no-any-return]


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float32]:
    one, other = one.astype(np.float32), other.astype(np.float32)
    squared = np.square(one[:, :1] - other[:, 0])
    squared += np.square(one[:, 1:] - other[:, 1])
    squared += np.float32(1e-12)
    return squared * np.log(squared)


def _match_colour(
    face: NDArray[np.float32],
    target: NDArray[np.float32],
    mask: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Bring mean and, mostly, spread of Lab within the mask to the target's, by a random amount."""
    ours, theirs = (cv2.cvtColor(np.clip(p, 0, 255) / 255, cv2.COLOR_RGB2Lab) for p in (face, target))
    total = mask.sum()
    spread = rng.random() < 0.7
    strength = np.float32(rng.uniform(0.6, 1.0) if rng.random() < 0.85 else rng.uniform(0.0, 0.6))
    means = [(p * mask[..., None]).sum(axis=(0, 1)) / total for p in (ours, theirs)]
    gain = np.ones(3, np.float32)
    if spread:
        variance = [
            ((p - m) ** 2 * mask[..., None]).sum(axis=(0, 1)) / total
            for p, m in zip((ours, theirs), means, strict=True)
        ]
        gain = np.clip(np.sqrt((variance[1] + 0.1) / (variance[0] + 0.1)), 0.6, 1.6)
    matched = (ours - means[0]) * gain + means[1]
    matched = ours + strength * (matched - ours)
    return cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_Lab2RGB) * 255  # type: ignore[no-any-return]


def _match_light(
    face: NDArray[np.float32],
    target: NDArray[np.float32],
    mask: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Take the target's light: its smooth part within the mask in place of the donor's, as a ratio."""
    height, width = mask.shape
    cells = int(rng.integers(3, 8))
    # Hair and background do not light a face: the mask weighs what enters the smooth parts.
    share = cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA)[..., None] + 0.02
    smooth = []
    for picture in (face, target):
        mean = (picture * mask[..., None]).sum(axis=(0, 1)) / mask.sum()
        around = cv2.resize((picture - mean) * mask[..., None], (cells, cells), interpolation=cv2.INTER_AREA)
        smooth.append(np.maximum(mean + around / share, 0.0) + 8)
    ratio = np.clip(smooth[1] / smooth[0], 0.4, 2.5).astype(np.float32)
    return face * cv2.resize(ratio, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


def _clone(
    face: NDArray[np.float32], target: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Poisson cloning (Perez et al., "Poisson Image Editing", 2003).

    What it adds to a face is smooth, so it is solved at half size. The rim keeps the mask off the edge.
    """
    height, width = face.shape[:2]
    small = (max(width // 2, 8), max(height // 2, 8))
    ours, theirs = (
        cv2.copyMakeBorder(
            cv2.resize(np.clip(p, 0, 255), small, interpolation=cv2.INTER_AREA).astype(np.uint8),
            4, 4, 4, 4, cv2.BORDER_REPLICATE,
        ) for p in (face, target)
    )  # fmt: skip
    inside = cv2.resize(mask, small, interpolation=cv2.INTER_AREA) > 0.1
    area = cv2.copyMakeBorder(inside.astype(np.uint8) * 255, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0)
    if np.count_nonzero(area) < 64:
        return face
    left, top, box_width, box_height = cv2.boundingRect(area)
    middle = (left + box_width // 2, top + box_height // 2)
    cloned = cv2.seamlessClone(ours, theirs, area, middle, cv2.NORMAL_CLONE)
    added = cloned.astype(np.float32) - ours.astype(np.float32)
    added = cv2.GaussianBlur(added, (0, 0), 1.0)[4:-4, 4:-4]
    return face + cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]
