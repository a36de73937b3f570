"""Give an ONNX file another input shape, without the onnx package.

Many small networks were exported at a dummy shape, although they run at any. ONNX Runtime takes the
shape in the file as a promise and refuses all others; it can override named dimensions only. So the few
bytes that state shapes are rewritten: protocol buffers are a flat list of tagged fields, and weights are
copied over unread. Field numbers are those of ``onnx.proto3``.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["with_input_shape"]

_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_GRAPH_INPUT = 11
_GRAPH_OUTPUT = 12
_GRAPH_VALUE_INFO = 13
_TENSOR_NAME = 8
_VALUE_NAME = 1
_VALUE_TYPE = 2
_TYPE_TENSOR = 1
_TENSOR_TYPE_SHAPE = 2
_SHAPE_DIM = 1
_DIM_VALUE = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def with_input_shape(model: bytes, shape: tuple[int, ...]) -> bytes:
    """Return the model with its only input at ``shape`` and all other shapes left for the runtime to infer.

    Weights that old exporters also list as inputs are taken off that list: they are constants.

    Args:
        model: an ONNX file's content.
        shape: one size a dimension.

    Raises:
        ValueError: it is not an ONNX model, or has no or several inputs.
    """
    parts, found = [], False
    for field, kind, value, raw in _fields(model):
        if field == _MODEL_GRAPH and kind == _BYTES:
            raw, found = _tagged(_MODEL_GRAPH, _graph(value, shape)), True
        parts.append(raw)
    if not found:
        raise ValueError("it is not an ONNX model")
    return b"".join(parts)


def _graph(graph: bytes, shape: tuple[int, ...]) -> bytes:
    weights = {_first(value, _TENSOR_NAME) for field, _, value, _ in _fields(graph) if field == _GRAPH_INITIALIZER}
    parts, inputs = [], 0
    for field, _, value, raw in _fields(graph):
        if field == _GRAPH_VALUE_INFO:
            continue  # shapes of inner values, true for the old input only
        if field == _GRAPH_INPUT:
            if _first(value, _VALUE_NAME) in weights:
                continue
            inputs += 1
            raw = _tagged(_GRAPH_INPUT, _reshaped(value, shape))
        if field == _GRAPH_OUTPUT:
            raw = _tagged(_GRAPH_OUTPUT, _reshaped(value, None))
        parts.append(raw)
    if inputs != 1:
        raise ValueError(f"the network has {inputs} inputs instead of one")
    return b"".join(parts)


def _reshaped(value_info: bytes, shape: tuple[int, ...] | None) -> bytes:
    """Return a ValueInfoProto at another shape, or at none."""
    tensor = _without(_first(_first(value_info, _VALUE_TYPE), _TYPE_TENSOR), _TENSOR_TYPE_SHAPE)
    if shape is not None:
        dims = (_tagged(_SHAPE_DIM, _varint(_DIM_VALUE << 3 | _VARINT) + _varint(size)) for size in shape)
        tensor += _tagged(_TENSOR_TYPE_SHAPE, b"".join(dims))
    return _without(value_info, _VALUE_TYPE) + _tagged(_VALUE_TYPE, _tagged(_TYPE_TENSOR, tensor))


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield (field number, wire type, content, the field as it stands) for each field of a message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind, content = tag & 7, at
        if kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BYTES:
            length, content = _read_varint(message, at)
            at = content + length
        else:
            raise ValueError("it is not an ONNX model")
        if at > len(message):
            raise ValueError("the file is cut short")
        yield tag >> 3, kind, message[content:at], message[start:at]


def _first(message: bytes, wanted: int) -> bytes:
    return next((value for field, _, value, _ in _fields(message) if field == wanted), b"")


def _without(message: bytes, unwanted: int) -> bytes:
    return b"".join(raw for field, _, _, raw in _fields(message) if field != unwanted)


def _tagged(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number and where the next thing begins."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("the file is cut short" if at >= len(message) else "it is not an ONNX model")
