"""Runs an exported model on many crops, by the engine that a live call would get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.inference.engine import Engine, EngineOptions, Precision
from stream_guard.inference.registry import choose
from stream_guard.models.manifest import Manifest

__all__ = ["Predictor", "loaded", "predictor"]

Predictor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From crops, uint8 (n, size, size, 3), to logits, float32 (n,)."""

_BATCH = 16


@contextmanager
def loaded(
    model: Path, manifest: Manifest, *, engine: str = "auto", precision: Precision | None = None
) -> Iterator[Engine]:
    """Load a model into an engine, and close it afterwards. Both belong to the thread that calls.

    Args:
        model: the ONNX file.
        manifest: what it expects and returns.
        engine: its name, or ``auto`` for the best one here.
        precision: what to compute in; float32 (INT8 for a quantised model) where not given, so that figures do
            not depend on what the CPU can do.

    Raises:
        EngineUnavailable: no engine can run here.
        EngineError: the engine cannot read the file.
    """
    usual: Precision = "int8" if manifest.quantised_on else "fp32"
    runner = choose(engine)()
    runner.load(model, manifest, EngineOptions(max_batch=_BATCH, precision=precision or usual))
    try:
        yield runner
    finally:
        runner.close()


def predictor(engine: Engine) -> Predictor:
    """Return a function that runs any number of crops, a batch at a time, on an engine that `loaded` gave."""

    def predict(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = [
            engine.infer(np.ascontiguousarray(crops[start : start + _BATCH])).logits
            for start in range(0, len(crops), _BATCH)
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    return predict
