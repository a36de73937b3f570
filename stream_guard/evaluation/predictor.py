"""Runs an exported model on many crops, by the engine that a live call would get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.inference.engine import Engine, EngineOptions
from stream_guard.inference.registry import choose
from stream_guard.models.manifest import Manifest

__all__ = ["Predictor", "loaded", "predictor"]

Predictor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From crops, uint8 (n, size, size, 3), to logits, float32 (n,)."""

_BATCH = 16


@contextmanager
def loaded(model: Path, manifest: Manifest) -> Iterator[Engine]:
    """Load a model into the best engine here, and close it afterwards. Both belong to the thread that calls.

    Args:
        model: the ONNX file.
        manifest: what it expects and returns.

    Raises:
        EngineUnavailable: no engine can run here.
        EngineError: the engine cannot read the file.
    """
    engine = choose()()
    engine.load(model, manifest, EngineOptions(max_batch=_BATCH))
    try:
        yield engine
    finally:
        engine.close()


def predictor(engine: Engine) -> Predictor:
    """Return a function that runs any number of crops, a batch at a time, on an engine that `loaded` gave."""

    def predict(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = [
            engine.infer(np.ascontiguousarray(crops[start : start + _BATCH])).logits
            for start in range(0, len(crops), _BATCH)
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    return predict
