"""The ONNX network that is compiled for a model and a precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from engines.tensorrt.dense import as_sums
from engines.tensorrt.graph import constants, cut
from engines.tensorrt.half import in_16_bits
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Precision
from stream_guard.inference.precision import chosen_precision
from stream_guard.inference.shapes import check_graph
from stream_guard.models.manifest import Manifest

__all__ = ["Computed", "computed", "network"]

Computed = Literal["fp32", "fp16", "bf16", "int8"]

_BF16_FROM = 80
"""Ampere: the compute capability, times ten, from which on there is bfloat16."""


def computed(wanted: Precision, manifest: Manifest, capability: str) -> Computed:
    """Return what is really computed in.

    Args:
        wanted: what the caller asked for.
        manifest: the model's; a quantised model computes in int8, and no other does.
        capability: of the GPU, such as ``sm89``.

    Raises:
        EngineUnavailable: the GPU cannot compute in it, or the model is not made for it.
    """
    offers: list[Precision] = ["fp16", "bf16", "fp32", "int8"]  # the fastest first; bfloat16 is only less exact
    if int(capability.removeprefix("sm")) < _BF16_FROM:
        offers.remove("bf16")
    return cast("Computed", chosen_precision(wanted, manifest, engine=f"tensorrt on {capability}", offers=offers))


def network(model: Path, manifest: Manifest, precision: Computed) -> bytes:
    """Return the network for TensorRT: float32 pixels with channels first in, float32 out.

    Args:
        model: the exported ONNX file. A quantised one has QuantizeLinear and DequantizeLinear nodes whose zero
            points are 0, as TensorRT wants it; what they leave in float32 stays so.
        manifest: what it should take and give.
        precision: of what lies between.

    Raises:
        EngineUnavailable: ``onnx`` is not installed.
        EngineError: the file cannot be read, or is not such a graph, or not what the manifest says.
    """
    try:
        import onnx  # noqa: F401  the graph's functions import it themselves; here it can be refused in words

        graph = cut(model.read_bytes())
        _check(graph.graph, manifest)
        if precision in ("fp16", "bf16"):
            graph = in_16_bits(graph, precision)
        elif precision == "int8":
            _check_quantised(graph.graph)
        return bytes(as_sums(graph).SerializeToString())
    except OSError as error:
        raise EngineError(f"cannot read {model.name}: {error.strerror or error}") from error
    except ImportError as error:
        raise EngineUnavailable("TensorRT needs the onnx package: pip install 'stream-guard[gpu]'") from error
    except EngineError as error:
        raise EngineError(f"{model.name}: {error}") from error


def _check(graph: Any, manifest: Manifest) -> None:
    """Hold the graph against the manifest, as if its input were still the exported one."""
    batch, channels, height, width = _shape(graph.input[0])
    outputs = [(port.name, _shape(port)) for port in graph.output]
    check_graph(manifest, [("faces", [batch, height, width, channels])], outputs)


def _check_quantised(graph: Any) -> None:
    """Refuse what TensorRT's parser refuses in words that help nobody."""
    known = constants(graph)
    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or len(node.input) < 3:
            continue
        zero = known.get(node.input[2])
        if zero is None or zero.dtype != np.int8 or zero.any():
            raise EngineError(
                "it is quantised for CPUs; TensorRT takes int8 with zero points of 0 only (symmetric), not uint8"
            )


def _shape(port: Any) -> list[int | None]:
    return [dim.dim_value or None for dim in port.type.tensor_type.shape.dim]
