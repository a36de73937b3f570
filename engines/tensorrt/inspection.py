"""What TensorRT made of a network: layers, precisions, inputs and outputs, as its engine inspector tells it.

The inspector needs a GPU, since an engine is read back onto one. The builder logs the very same text for the engine
it has just built, in detail where `ProfilingVerbosity` is ``DETAILED``; so what is checked on a machine without a
GPU is the engine, not the network it was made from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Inspection", "Layer", "Tensor", "inspection"]

_LAYER = re.compile(r"^Name: (?P<name>.*?), LayerType: (?P<kind>\w+), (?P<rest>.*)$", re.MULTILINE)
_PORTS = re.compile(r"Inputs: \[(?P<inputs>.*?)\], Constants: \[.*?\], Outputs: \[(?P<outputs>.*?)\], TacticName")
_TYPE = re.compile(r"Datatype: (\w+)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_TENSOR = re.compile(
    r"^ Name: (?P<name>\S+), IOMode: (?P<mode>\w+), DataType: (?P<type>\w+), Dimensions: \[(?P<shape>[-\d,]*)\]"
    r"(?P<rest>.*)$",
    re.MULTILINE,
)
_RANGE = re.compile(r"MinShape: \[([-\d,]+)\], OptShape: \[([-\d,]+)\], MaxShape: \[([-\d,]+)\]")


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of the engine: mostly several ONNX nodes in one kernel.

    Attributes:
        name: TensorRT's.
        kind: its word for it, such as ``correlation`` or ``kgen``.
        inputs: element type of each, such as ``Half``.
        outputs: element type of each.
        nodes: the ONNX nodes it computes.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of the engine.

    Attributes:
        name: as in the network.
        mode: ``Input`` or ``Output``.
        type: its element type.
        shape: -1 where it is open.
        profile: least, best and largest shape of an input; empty for outputs.
    """

    name: str
    mode: str
    type: str
    shape: tuple[int, ...]
    profile: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """An engine, described.

    Attributes:
        layers: in order.
        tensors: inputs and outputs.
    """

    layers: tuple[Layer, ...]
    tensors: tuple[Tensor, ...]

    def types(self) -> dict[str, int]:
        """Return how many layers give each element type."""
        return dict(Counter(layer.outputs[0] for layer in self.layers if layer.outputs))

    def summary(self) -> dict[str, Any]:
        """Return what is worth keeping beside a plan, as plain data."""
        return {
            "layers": len(self.layers),
            "types": self.types(),
            "tensors": [asdict(tensor) for tensor in self.tensors],
        }


def inspection(texts: Iterable[str]) -> Inspection | None:
    """Read the inspector's one-line format wherever it is among some texts; None where it is not.

    Args:
        texts: what the builder logged, or what ``get_engine_information(ONELINE)`` returned.
    """
    for text in texts:
        tensors = tuple(_tensor(match) for match in _TENSOR.finditer(text))
        layers = tuple(_layer(match) for match in _LAYER.finditer(text))
        if tensors and layers:
            return Inspection(layers, tensors)
    return None


def _layer(match: re.Match[str]) -> Layer:
    ports = _PORTS.search(match["rest"])
    inputs, outputs = (ports["inputs"], ports["outputs"]) if ports else ("", "")
    return Layer(
        match["name"],
        match["kind"],
        tuple(_TYPE.findall(inputs)),
        tuple(_TYPE.findall(outputs)),
        tuple(_NODE.findall(match["rest"])),
    )


def _tensor(match: re.Match[str]) -> Tensor:
    bounds = _RANGE.search(match["rest"])
    profile = tuple(_shape(text) for text in bounds.groups()) if bounds else ()
    return Tensor(match["name"], match["mode"], match["type"], _shape(match["shape"]), profile)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(",") if size)
