"""Warps of a face: landmarks move, and the picture between them follows; what a renderer then loses.

Instead of triangles a thin-plate spline (Bookstein, "Principal Warps", PAMI 1989) carries the landmarks over: it
leaves no creases and is cheap on a coarse grid.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.contours import OVAL

__all__ = ["KEYPOINTS", "Window", "extent", "redraw", "warp"]

# MediaPipe Face Mesh indices.
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
"""Rows and columns of a picture."""


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
