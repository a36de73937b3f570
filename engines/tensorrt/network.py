"""The ONNX network that is compiled for a model and a precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from engines.tensorrt.dense import as_sums
from engines.tensorrt.graph import cut
from engines.tensorrt.half import in_16_bits
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Precision
from stream_guard.inference.shapes import check_graph
from stream_guard.models.manifest import Manifest

__all__ = ["Computed", "computed", "network", "source"]

Computed = Literal["fp32", "fp16", "bf16", "int8"]

_DEFAULT: Computed = "fp16"
_QUANTISED = ".int8.onnx"


def computed(precision: Precision) -> Computed:
    """Return what is really computed in: ``auto`` is half precision."""
    return _DEFAULT if precision == "auto" else precision


def source(model: Path, precision: Computed) -> Path:
    """Return the file that is compiled: for ``int8`` the quantised one beside the model.

    It has the model's stem and the ending ``.int8.onnx``, and QuantizeLinear and DequantizeLinear nodes whose zero
    points are 0, as TensorRT wants it.

    Raises:
        EngineUnavailable: there is no quantised file.
    """
    if precision != "int8":
        return model
    path = model.with_name(model.stem + _QUANTISED)
    if not path.is_file():
        raise EngineUnavailable(f"int8 needs a quantised file, and there is no {path.name} beside {model.name}")
    return path


def network(model: Path, manifest: Manifest, precision: Computed) -> bytes:
    """Return the network for TensorRT: float32 pixels with channels first in, float32 out.

    Args:
        model: the exported ONNX file.
        manifest: what it should take and give.
        precision: of what lies between.

    Raises:
        EngineUnavailable: ``onnx`` is not installed, or there is no quantised file.
        EngineError: the file cannot be read, or is not such a graph, or not what the manifest says.
    """
    path = source(model, precision)
    try:
        import onnx  # noqa: F401  the graph's functions import it themselves; here it can be refused in words

        graph = cut(path.read_bytes())
        _check(graph.graph, manifest)
        if precision in ("fp16", "bf16"):
            graph = in_16_bits(graph, precision)
        return bytes(as_sums(graph).SerializeToString())
    except OSError as error:
        raise EngineError(f"cannot read {path.name}: {error.strerror or error}") from error
    except ImportError as error:
        raise EngineUnavailable("TensorRT needs the onnx package: pip install 'stream-guard[gpu]'") from error
    except EngineError as error:
        raise EngineError(f"{path.name}: {error}") from error


def _check(graph: Any, manifest: Manifest) -> None:
    """Hold the graph against the manifest, as if its input were still the exported one."""
    batch, channels, height, width = _shape(graph.input[0])
    outputs = [(port.name, _shape(port)) for port in graph.output]
    check_graph(manifest, [("faces", [batch, height, width, channels])], outputs)


def _shape(port: Any) -> list[int | None]:
    return [dim.dim_value or None for dim in port.type.tensor_type.shape.dim]
