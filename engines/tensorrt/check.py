"""Whether an engine answers as the model does, asked once, before it judges anybody.

A compiler's fault, a driver's, or a plan that fits by name only, must not become a score. ONNX Runtime, which is
always there, says what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.onnxruntime import OnnxRuntimeEngine
from engines.tensorrt.network import Computed
from stream_guard.errors import EngineError
from stream_guard.inference.engine import EngineOptions, Prediction
from stream_guard.models.manifest import Manifest

__all__ = ["check_answers", "pictures"]

_FACES = 2
_ALLOWED: dict[Computed, float] = {"fp32": 0.005, "fp16": 0.1, "bf16": 0.5, "int8": 2.0}
"""How far a logit may be off. The shipped model's were off by less than 1e-6, 0.006 and 0.03 on these pictures; a
quantised one is held against itself on the CPU, another may be less good-natured."""


def pictures(count: int, size: int) -> NDArray[np.uint8]:
    """Return pictures that are neither flat nor noise: uint8, (count, size, size, 3), the same every time."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    random = np.random.default_rng(0)
    made = []
    for number in range(count):
        waves = [np.sin(2 * np.pi * ((number + 1) * rows + turn * columns)) for turn in (1.0, 2.0, 3.0)]
        made.append(128 + 80 * np.stack(waves, axis=-1) + random.normal(0, 8, (size, size, 3)))
    return np.clip(np.stack(made), 0, 255).astype(np.uint8)


def check_answers(
    ways: Iterable[Callable[[NDArray[np.uint8]], Prediction]],
    model: Path,
    manifest: Manifest,
    precision: Computed,
    *,
    max_batch: int,
) -> None:
    """Hold an engine's answers against ONNX Runtime's.

    Args:
        ways: of the engine to answer a batch; each is held to it.
        model: the exported ONNX file.
        manifest: the file's.
        precision: that the engine computes in.
        max_batch: of the engine.

    Raises:
        EngineError: it answers something else.
    """
    faces = pictures(min(_FACES, max_batch), manifest.size)
    reference = OnnxRuntimeEngine()
    reference.load(model, manifest, EngineOptions(max_batch=len(faces)))
    try:
        expected = reference.infer(faces).logits
    finally:
        reference.close()
    for infer in ways:
        off = float(np.abs(infer(faces).logits - expected).max())
        if not off <= _ALLOWED[precision]:
            limit = f"allowed in {precision}: {_ALLOWED[precision]:g}"
            raise EngineError(f"TensorRT answers wrong: a logit is off by {off:.2g} ({limit})")
