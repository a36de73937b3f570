"""An ONNX graph as a PyTorch network, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.torch.operators import OPERATORS, Operator
from stream_guard.errors import EngineError
from stream_guard.inference.shapes import Dimension, one_line

__all__ = ["Network", "Port", "read_network"]

Port = tuple[str, list[Dimension]]
"""Name and shape; None where a dimension is open."""

_OPSETS = range(13, 19)


@dataclass(slots=True)
class _Step:
    """One node.

    Attributes:
        kind: the operator's name.
        operator: what computes it.
        inputs: a constant, the name of a value, or None where it is left out.
        attributes: of the node.
        output: the name of what comes out.
        half: whether it computes in float16.
        done: values that nobody reads after it.
    """

    kind: str
    operator: Operator
    inputs: list[Tensor | str | None]
    attributes: dict[str, Any]
    output: str
    half: bool = False
    done: list[str] = field(default_factory=list)


class Network:
    """Runs the graph: a dictionary of its inputs in, the outputs asked for out.

    Attributes:
        inputs, outputs: the graph's ports.
    """

    def __init__(self, inputs: list[Port], outputs: list[Port], steps: list[_Step]) -> None:
        """Use `read_network`."""
        self.inputs, self.outputs = inputs, outputs
        self._steps = steps

    def place(self, device: str, *, half: bool = False) -> None:
        """Put the weights where the network is to run; convolutions' in channels-last order. Once.

        In half precision all is float32 up to the first convolution that mixes its channels: what comes before it
        is the picture's own arithmetic (normalisation, and a residual of neighbouring pixels that float16 would
        round away). Single numbers and sizes stay on the CPU.

        Args:
            device: PyTorch's name of it.
            half: compute in float16 from there on.
        """
        begun = False
        for step in self._steps:
            begun = begun or (step.kind == "Conv" and step.attributes.get("group", 1) == 1)
            step.half = half and begun
            step.inputs = [
                _placed(value, device, half=step.half) if isinstance(value, Tensor) else value
                for value in step.inputs
            ]

    def __call__(self, values: Mapping[str, Tensor], wanted: list[str]) -> list[Tensor]:
        """Run it.

        Args:
            values: each input of the graph by its name.
            wanted: names of outputs.

        Returns:
            float32, in the order of ``wanted``.
        """
        known = dict(values)
        for step in self._steps:
            inputs = [known[value] if isinstance(value, str) else value for value in step.inputs]
            if step.half:
                inputs = [_halved(value) for value in inputs]
            known[step.output] = step.operator(inputs, step.attributes)
            for name in step.done:
                known.pop(name, None)
        return [known[name].float() for name in wanted]


def read_network(path: Path) -> Network:
    """Read an ONNX file. What depends on weights alone is computed here, once.

    Args:
        path: the file; weights are inside it.

    Raises:
        EngineError: it cannot be read, is of another opset, or has an operator that is not in `OPERATORS`.
    """
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise EngineError(f"torch cannot open {path.name}: {error.strerror}") from error
    except Exception as error:  # protobuf has its own classes
        raise EngineError(f"torch cannot open {path.name}: {one_line(error)}") from error
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if opset not in _OPSETS:
        raise EngineError(f"torch cannot run {path.name}: ONNX opset {opset}, not {_OPSETS[0]} to {_OPSETS[-1]}")
    unknown = sorted({node.op_type for node in model.graph.node} - {*OPERATORS, "Constant"})
    if unknown:
        raise EngineError(f"torch cannot run {path.name}: it has no {', '.join(unknown)}")
    try:
        steps = _folded(model.graph)
    except Exception as error:
        raise EngineError(f"torch cannot run {path.name}: {one_line(error)}") from error
    outputs = _ports(model.graph.output)
    _note_last_uses(steps, keep={name for name, _ in outputs})
    weights = {weight.name for weight in model.graph.initializer}
    return Network([port for port in _ports(model.graph.input) if port[0] not in weights], outputs, steps)


def _folded(graph: Any) -> list[_Step]:
    """Return the nodes that depend on the input; the others are computed."""
    from onnx import helper, numpy_helper

    known = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    steps = []
    for node in graph.node:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        attributes = {name: v.decode() if isinstance(v, bytes) else v for name, v in attributes.items()}
        if node.op_type == "Constant":
            known[node.output[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
            continue
        if sum(map(bool, node.output)) != 1:
            raise EngineError(f"{node.op_type} with several outputs is not supported")
        inputs = [known.get(name, name) if name else None for name in node.input]
        step = _Step(node.op_type, OPERATORS[node.op_type], inputs, attributes, node.output[0])
        if any(isinstance(value, str) for value in inputs):
            steps.append(step)
        else:
            known[step.output] = step.operator(inputs, attributes)
    return steps


def _note_last_uses(steps: list[_Step], *, keep: set[str]) -> None:
    seen = set(keep)
    for step in reversed(steps):
        for value in step.inputs:
            if isinstance(value, str) and value not in seen:
                seen.add(value)
                step.done.append(value)


def _placed(value: Tensor, device: str, *, half: bool) -> Tensor:
    if not value.is_floating_point() or value.dim() == 0:
        return value
    layout = torch.channels_last if value.dim() == 4 else torch.preserve_format
    return value.to(device, torch.float16 if half else value.dtype, memory_format=layout)


def _halved(value: Any) -> Any:
    """Return a float32 tensor as float16; single numbers go along with whatever they meet."""
    if isinstance(value, Tensor) and value.dtype == torch.float32 and value.dim():
        return value.half()
    return value


def _ports(values: Any) -> list[Port]:
    return [
        (
            value.name,
            [one.dim_value if one.HasField("dim_value") else None for one in value.type.tensor_type.shape.dim],
        )
        for value in values
    ]
