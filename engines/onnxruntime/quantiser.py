"""ONNX Runtime's static quantiser: float ONNX in, INT8 ONNX (QDQ) out. Needs the ``onnx`` package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.onnxruntime.library import load_library
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["quantise"]


def quantise(
    model: Path,
    out: Path,
    batches: Iterable[NDArray[np.uint8]],
    nodes: Sequence[str],
    *,
    symmetric: bool = False,
) -> None:
    """Quantise some nodes; see `stream_guard.inference.engine.Engine.quantise`."""
    try:
        load_library()
        from onnxruntime import quantization
    except ImportError as error:
        raise EngineUnavailable(f"quantising needs the packages onnxruntime and onnx: {error}") from error

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # it ships no types
        def __init__(self) -> None:
            self.batches = iter(batches)

        def get_next(self) -> Any:
            return next(({"faces": np.ascontiguousarray(batch)} for batch in self.batches), None)

    try:
        with _quiet():
            quantization.quantize_static(
                str(model),
                str(out),
                Reader(),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QInt8 if symmetric else quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_quantize=list(nodes),
                calibrate_method=quantization.CalibrationMethod.MinMax,
                extra_options={"ActivationSymmetric": symmetric, "WeightSymmetric": True},
            )
    except Exception as error:
        raise EngineError(f"onnxruntime cannot quantise {model.name}: {one_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice on its own command line tools out of ours."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
