"""The exported ONNX graph as TensorRT wants it: without the first steps, which the GPU's own kernel does.

The graph in the file takes bytes, ``faces``: uint8 (n, size, size, 3), and makes floats of them. TensorRT cannot
reorder bytes ("first input has type UInt8", says its parser of Transpose), and need not: the kernel that cuts the
faces out writes channels first and 0 to 1 at once. So the graph is cut behind those steps, which are found by
following the input, not by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError

__all__ = ["PIXELS", "attribute", "constants", "cut", "drop_unused", "types_of"]

PIXELS = "pixels"
"""The input of the graph that is left: float32, (n, 3, size, size), RGB in 0..1."""

_TO_CHANNELS_FIRST = [0, 3, 1, 2]


def cut(content: bytes) -> Any:
    """Return the network that begins with `PIXELS`; everything behind that is as it was, constants folded.

    Args:
        content: an ONNX file: one input, ``faces``, uint8 (n, size, size, 3).

    Returns:
        An ``onnx.ModelProto``.

    Raises:
        EngineError: it is no ONNX model, or does not begin by making channels-first floats of bytes.
    """
    model = _read(content)
    graph = model.graph
    _fold(graph)
    front = _front(graph)
    kept = [node for node in graph.node if not any(node is done for done in front.nodes)]
    if not front.divided:
        kept.insert(0, _node("Mul", [PIXELS, "byte_range"], front.end))
        graph.initializer.append(_initializer(np.array(255, dtype=np.float32), "byte_range"))
    else:
        for node in kept:
            _rename_inputs(node, front.end, PIXELS)
    _replace(graph.node, kept)
    batch, height, width, channels = graph.input[0].type.tensor_type.shape.dim
    shape = [dim.dim_param or dim.dim_value or None for dim in (batch, channels, height, width)]
    _replace(graph.input, [_value(PIXELS, _float(), shape)])
    del graph.value_info[:]  # notes on tensors that may be gone
    drop_unused(graph)
    return model


def constants(graph: Any) -> dict[str, NDArray[Any]]:
    """Return the graph's constant tensors by name."""
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def attribute(node: Any, name: str) -> Any:
    """Return a node's attribute, or None where it is not set."""
    from onnx import helper

    return next((helper.get_attribute_value(part) for part in node.attribute if part.name == name), None)


def drop_unused(graph: Any) -> None:
    """Remove the constants that nothing reads."""
    used = _users(graph)
    _replace(graph.initializer, [tensor for tensor in graph.initializer if used[tensor.name]])


def types_of(model: Any) -> dict[str, tuple[int, int]]:
    """Return ONNX element type and number of dimensions of every tensor.

    Raises:
        EngineError: the graph contradicts itself, or something in it is of no known shape.
    """
    import onnx

    try:
        known = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    except Exception as error:  # onnx raises its own, ValueError and RuntimeError
        raise EngineError(f"the ONNX graph contradicts itself: {str(error).splitlines()[0]}") from error
    found = {tensor.name: (tensor.data_type, len(tensor.dims)) for tensor in known.initializer}
    for value in (*known.input, *known.value_info, *known.output):
        found[value.name] = value.type.tensor_type.elem_type, len(value.type.tensor_type.shape.dim)
    missing = [name for node in known.node for name in node.output if name and name not in found]
    if missing:
        raise EngineError(f"the ONNX graph does not tell the shape of {missing[0]}")
    return found


@dataclass
class _Front:
    """What was found behind the input.

    Attributes:
        end: the first float32 tensor with channels first.
        divided: whether it is in 0..1 already, not in 0..255.
        nodes: those that made it.
    """

    end: str
    divided: bool = False
    nodes: list[Any] = field(default_factory=list)


def _read(content: bytes) -> Any:
    import onnx

    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own
        raise EngineError(f"it is not an ONNX model: {str(error).splitlines()[0]}") from error
    graph = model.graph
    if len(graph.input) != 1:
        raise EngineError(f"the ONNX graph has {len(graph.input)} inputs instead of one")
    kind = graph.input[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.UINT8 or len(kind.shape.dim) != 4:
        raise EngineError("the ONNX graph takes no batch of pictures: uint8 (n, size, size, 3)")
    nested = [node.op_type for node in graph.node for part in node.attribute if part.HasField("g") or part.graphs]
    if nested:
        raise EngineError(f"the ONNX graph has branches or loops ({nested[0]}), which this engine does not take")
    return model


def _fold(graph: Any) -> None:
    """Turn constants that nodes make (weights stored as half with a Cast, quantised biases) into plain ones."""
    from onnx import helper, numpy_helper

    known, kept = constants(graph), []
    for node in graph.node:
        value = None
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            value = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Cast" and node.input[0] in known:
            value = known[node.input[0]].astype(helper.tensor_dtype_to_np_dtype(attribute(node, "to")))
        elif node.op_type == "DequantizeLinear" and _is_bias(node, known):
            value = known[node.input[0]].astype(np.float32) * known[node.input[1]]
        if value is None:
            kept.append(node)
        else:
            known[node.output[0]] = value
            graph.initializer.append(_initializer(value, node.output[0]))
    _replace(graph.node, kept)
    drop_unused(graph)


def _is_bias(node: Any, known: dict[str, NDArray[Any]]) -> bool:
    """Return whether a constant is stored in 32 bits, as quantised biases are; TensorRT dequantises 8 and less."""
    stored = known.get(node.input[0])
    return stored is not None and stored.dtype == np.int32 and node.input[1] in known


def _front(graph: Any) -> _Front:
    """Follow the input through what only reorders, converts and divides."""
    known, users = constants(graph), _users(graph)
    front, channels_first, is_float = _Front(graph.input[0].name), False, False
    while users[front.end] == 1 and not (channels_first and front.divided):
        node = next((node for node in graph.node if front.end in node.input), None)
        if node is None:  # the graph's own output
            break
        if node.op_type == "Transpose" and not channels_first:
            channels_first = list(attribute(node, "perm") or []) == _TO_CHANNELS_FIRST
            fits = channels_first
        elif node.op_type == "Cast" and not is_float:
            fits = is_float = attribute(node, "to") == _float()
        elif node.op_type in ("Div", "Mul") and is_float and not front.divided and node.input[0] == front.end:
            divisor = known.get(node.input[1])
            wanted = 255.0 if node.op_type == "Div" else 1 / 255
            fits = front.divided = divisor is not None and bool(np.allclose(divisor, wanted, rtol=1e-6, atol=0))
        else:
            fits = False
        if not fits:
            break
        front.nodes.append(node)
        front.end = node.output[0]
    if not (channels_first and is_float):
        raise EngineError(
            "the ONNX graph does not begin by making channels-first floats of its input "
            "(Transpose, Cast, Div by 255): this engine cannot take it"
        )
    return front


def _users(graph: Any) -> Counter[str]:
    """Return how many nodes, or outputs of the graph, read each tensor."""
    read = (name for node in graph.node for name in set(node.input))
    return Counter([*read, *(value.name for value in graph.output)])


def _replace(repeated: Any, items: Iterable[Any]) -> None:
    """Give a repeated protobuf field another content."""
    items = list(items)
    del repeated[:]
    repeated.extend(items)


def _rename_inputs(node: Any, old: str, new: str) -> None:
    for index, name in enumerate(node.input):
        if name == old:
            node.input[index] = new


def _float() -> int:
    from onnx import TensorProto

    return int(TensorProto.FLOAT)


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, [output], **attributes)


def _initializer(value: NDArray[Any], name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)


def _value(name: str, element: int, shape: list[Any]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, element, shape)
