"""The checks every engine makes of what goes in and what comes out, so that all refuse in the same words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.inference.engine import Prediction
from stream_guard.inference.faces import FrameFaces
from stream_guard.models.manifest import Manifest

__all__ = ["check_batch", "check_cuts", "check_graph", "one_line", "prediction"]

Dimension = int | None
"""None where a graph leaves it open."""


def check_graph(
    manifest: Manifest,
    inputs: Sequence[tuple[str, Sequence[Dimension]]],
    outputs: Sequence[tuple[str, Sequence[Dimension]]],
) -> None:
    """Refuse a graph that is not what the manifest says.

    Args:
        manifest: the model's.
        inputs: name and shape of each input of the graph.
        outputs: name and shape of each output; an empty shape says nothing.

    Raises:
        EngineError: names what was expected and what was found.
    """
    size, grid = manifest.size, manifest.patch_grid
    if len(inputs) != 1 or inputs[0][0] != "faces" or tuple(inputs[0][1]) != (None, size, size, 3):
        found = ", ".join(f"{name} {_text(shape)}" for name, shape in inputs) or "none"
        raise EngineError(f"{manifest.file} should have one input, faces (n, {size}, {size}, 3); it has {found}")
    wanted: dict[str, tuple[Dimension, ...]] = {"logits": (None,)}
    if grid is not None:
        wanted["patches"] = (None, grid, grid)
    found_outputs = dict(outputs)
    for name, shape in wanted.items():
        if name not in found_outputs:
            raise EngineError(f"{manifest.file} has no output {name}; it has {', '.join(found_outputs) or 'none'}")
        found_shape = tuple(found_outputs[name])
        if len(found_shape) != len(shape) or any(
            had is not None and had != want for had, want in zip(found_shape[1:], shape[1:], strict=True)
        ):
            raise EngineError(f"{manifest.file}: {name} should be {_text(shape)}, it is {_text(found_shape)}")


def check_batch(batch: NDArray[np.uint8], *, size: int, max_batch: int) -> None:
    """Refuse what the contract of `Engine.infer` does not allow.

    Raises:
        EngineError: names what was expected and what was given.
    """
    if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (size, size, 3):
        raise EngineError(f"a batch is uint8 (n, {size}, {size}, 3), not {batch.dtype} {batch.shape}")
    if not 1 <= len(batch) <= max_batch:
        raise EngineError(f"a batch holds 1 to {max_batch} faces, not {len(batch)}")
    if not batch.flags.c_contiguous:
        raise EngineError("a batch is contiguous; copy it with numpy.ascontiguousarray first")


def check_cuts(frames: Sequence[FrameFaces], *, max_batch: int) -> None:
    """Refuse what the contract of `Engine.infer_cuts` does not allow: a kernel would read beyond a wrong plane.

    Raises:
        EngineError: names what was expected and what was given.
    """
    faces = sum(map(len, frames))
    if not 1 <= faces <= max_batch:
        raise EngineError(f"a batch holds 1 to {max_batch} faces, not {faces}")
    for frame in frames:
        planes, matrices = frame.planes, frame.matrices
        if matrices.dtype != np.float64 or matrices.ndim != 3 or matrices.shape[1:] != (2, 3):
            raise EngineError(f"a frame's matrices are float64 (n, 2, 3), not {matrices.dtype} {matrices.shape}")
        turns = matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]
        if not np.isfinite(matrices).all() or not (turns > 0).all():
            raise EngineError("a frame's matrices are finite, have an inverse and mirror nothing")
        least = planes.shapes if min(planes.width, planes.height) > 0 else ()
        if len(planes.planes) != len(least) or not all(map(_holds, planes.planes, least)):
            found = ", ".join(f"{plane.dtype} {plane.shape}" for plane in planes.planes)
            size = f"{planes.width}x{planes.height}"
            raise EngineError(f"{planes.pixel_format} {size} has contiguous planes of bytes, not {found or 'none'}")


def _holds(plane: NDArray[np.uint8], least: tuple[int, int]) -> bool:
    bytes_in_rows = plane.dtype == np.uint8 and plane.ndim == 2 and plane.flags.c_contiguous
    return bytes_in_rows and plane.shape[0] >= least[0] and plane.shape[1] >= least[1]


def prediction(logits: NDArray[np.float32], patches: NDArray[np.float32] | None, *, faces: int) -> Prediction:
    """Return what the backend gave as a `Prediction`, if it is one.

    Raises:
        EngineError: the shape is wrong, or a value is not a number: that must never become a score.
    """
    if logits.shape != (faces,) or logits.dtype != np.float32:
        raise EngineError(f"the model gave logits {logits.dtype} {logits.shape} for {faces} faces")
    if patches is not None and (patches.ndim != 3 or len(patches) != faces or patches.dtype != np.float32):
        raise EngineError(f"the model gave patches {patches.dtype} {patches.shape} for {faces} faces")
    if not np.isfinite(logits).all() or (patches is not None and not np.isfinite(patches).all()):
        raise EngineError("the model gave a value that is not a finite number")
    return Prediction(logits, patches)


def one_line(error: BaseException) -> str:
    """Return the line of a backend's message that says what is wrong: the last one with words in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _text(shape: Sequence[Dimension]) -> str:
    return "(" + ", ".join("n" if size is None else str(size) for size in shape) + ")"
