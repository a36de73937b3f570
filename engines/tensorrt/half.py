"""The network's bulk in 16 bits: strongly typed, as TensorRT 11 and TensorRT-RTX want it.

They compute what the graph says, no flag changes it, so the graph itself is converted. Not all of it:

- What comes before the first convolution that mixes channels stays float32. There the residual
  ``(rgb - blur) * gain`` is made, and a difference of two nearly equal numbers loses its digits in 16 bits.
- Sums over the whole picture, softmax and the like stay float32, and so does whatever is no more than a vector
  a face: it costs nothing there, and the last rounding would be the largest.
- The outputs are float32.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

from engines.tensorrt.graph import constants, drop_unused, types_of
from stream_guard.errors import EngineError

__all__ = ["in_16_bits"]

_MIXING = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_EXACT = {
    "Erf", "Exp", "GlobalAveragePool", "InstanceNormalization", "LayerNormalization", "Log", "LogSoftmax", "Pow",
    "Reciprocal", "ReduceL2", "ReduceMean", "ReduceSum", "ReduceSumSquare", "Resize", "Softmax", "Sqrt",
    "BatchNormalization", "GroupNormalization", "QuantizeLinear", "DequantizeLinear", "Cast", "CastLike",
}  # fmt: skip
"""Operators that add up many values, have steep curves, or take inputs of more than one type."""
_BF16_OPSET = 22
"""The first in which Conv takes bfloat16."""


def in_16_bits(model: Any, kind: Literal["fp16", "bf16"]) -> Any:
    """Return a copy of the network that computes in half precision or bfloat16 wherever that does no harm.

    Args:
        model: an ``onnx.ModelProto`` in float32, as `engines.tensorrt.graph.cut` gives it.
        kind: which of the two.

    Raises:
        EngineError: the graph contradicts itself, or nothing in it could be converted.
    """
    from onnx import TensorProto, helper, version_converter

    model = copy.deepcopy(model)
    if kind == "bf16" and model.opset_import[0].version < _BF16_OPSET:
        model = version_converter.convert_version(model, _BF16_OPSET)
    narrow = TensorProto.FLOAT16 if kind == "fp16" else TensorProto.BFLOAT16
    graph, types = model.graph, types_of(model)
    chosen = _chosen(graph, types)
    if not chosen:
        raise EngineError("there is nothing in the ONNX graph that could be computed in 16 bits")
    known = constants(graph)
    made_narrow: set[str] = set()  # tensors that now leave a node in 16 bits
    twins: dict[tuple[str, int], str] = {}  # the same tensor in the other type
    outputs = {value.name for value in graph.output}
    nodes: list[Any] = []

    def as_type(name: str, element: int) -> str:
        """Return the name under which a float tensor can be had in a type."""
        if not name or types[name][0] != TensorProto.FLOAT:
            return name
        if (element == narrow) == (name in made_narrow):
            return name
        if (name, element) not in twins:
            twins[name, element] = twin = f"{name}.{kind if element == narrow else 'fp32'}"
            if name in known:
                value = known[name].astype(helper.tensor_dtype_to_np_dtype(element))
                graph.initializer.append(_tensor(value, twin))
            else:
                nodes.append(helper.make_node("Cast", [name], [twin], name=twin, to=element))
        return twins[name, element]

    for index, node in enumerate(graph.node):
        element = narrow if index in chosen else TensorProto.FLOAT
        inputs = [as_type(name, element) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        nodes.append(node)
        if index in chosen:
            for place, name in enumerate(node.output):
                if types[name][0] != TensorProto.FLOAT:
                    continue
                if name in outputs:  # it keeps its name and its type
                    node.output[place] = inner = f"{name}.{kind}"
                    nodes.append(
                        helper.make_node("Cast", [inner], [name], name=f"{name}.out", to=TensorProto.FLOAT)
                    )
                    twins[name, narrow] = inner
                else:
                    made_narrow.add(name)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    drop_unused(graph)
    return model


def _chosen(graph: Any, types: dict[str, tuple[int, int]]) -> set[int]:
    """Return the places of the nodes that go to 16 bits."""
    from onnx import TensorProto

    behind: set[str] = set()  # tensors behind the first node that mixes channels
    chosen = set()
    for index, node in enumerate(graph.node):
        mixes = node.op_type in _MIXING and not _depthwise(node, graph)
        if not mixes and behind.isdisjoint(node.input):
            continue
        behind.update(node.output)
        floats = [name for name in node.output if types[name][0] == TensorProto.FLOAT]
        if floats and node.op_type not in _EXACT and all(types[name][1] > 2 for name in floats):
            chosen.add(index)
    return chosen


def _depthwise(node: Any, graph: Any) -> bool:
    """Return whether a convolution keeps each channel to itself, as a blur does."""
    if node.op_type != "Conv":
        return False
    kernel = next((tensor for tensor in graph.initializer if tensor.name == node.input[1]), None)
    return kernel is not None and kernel.dims[1] == 1


def _tensor(value: Any, name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)
