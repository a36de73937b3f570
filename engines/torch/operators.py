"""The ONNX operators of our networks, in PyTorch.

Each takes its inputs, None where one is left out, and its attributes. Sizes, axes and single numbers are tensors
on the CPU wherever the others are, so that reading them never waits for a GPU. Semantics: ONNX operators of opset
13 to 18; what a network of ours does not use is refused in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stream_guard.errors import EngineError

__all__ = ["OPERATORS", "Attributes", "Inputs", "Operator"]

Inputs = Sequence[Any]
"""Tensors, or None."""
Attributes = Mapping[str, Any]
Operator = Callable[[Inputs, Attributes], Tensor]

_TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
"""``TensorProto.DataType``."""


def _cast(inputs: Inputs, attributes: Attributes) -> Tensor:
    return inputs[0].to(_TYPES[attributes["to"]])  # type: ignore[no-any-return]


def _clip(inputs: Inputs, _: Attributes) -> Tensor:
    low, high = (None if bound is None else bound.item() for bound in (*inputs[1:], None, None)[:2])
    return inputs[0] if low is None and high is None else torch.clamp(inputs[0], low, high)


def _concat(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.cat(list(inputs), dim=attributes["axis"])


def _conv(inputs: Inputs, attributes: Attributes) -> Tensor:
    picture, weight = inputs[:2]
    if weight.dim() != 4 or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise EngineError("Conv is supported in two dimensions and with its padding in numbers")
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        picture, top, left = functional.pad(picture, (left, right, top, bottom)), 0, 0
    return functional.conv2d(
        picture,
        weight,
        inputs[2] if len(inputs) > 2 else None,
        tuple(attributes.get("strides", (1, 1))),
        (top, left),
        tuple(attributes.get("dilations", (1, 1))),
        attributes.get("group", 1),
    )


def _flatten(inputs: Inputs, attributes: Attributes) -> Tensor:
    axis, shape = attributes.get("axis", 1), inputs[0].shape
    return inputs[0].reshape(int(torch.Size(shape[:axis]).numel()), -1)  # type: ignore[no-any-return]


def _gemm(inputs: Inputs, attributes: Attributes) -> Tensor:
    left, right = inputs[:2]
    left = left.T if attributes.get("transA") else left
    right = right.T if attributes.get("transB") else right
    product: Tensor = left @ right
    if (alpha := attributes.get("alpha", 1.0)) != 1:
        product = product * alpha
    return product if len(inputs) < 3 or inputs[2] is None else product + inputs[2] * attributes.get("beta", 1.0)


def _global_average_pool(inputs: Inputs, _: Attributes) -> Tensor:
    return inputs[0].mean(dim=tuple(range(2, inputs[0].dim())), keepdim=True)  # type: ignore[no-any-return]


def _layer_normalization(inputs: Inputs, attributes: Attributes) -> Tensor:
    values, scale, *bias = inputs
    shape = values.shape[attributes.get("axis", -1) :]
    return functional.layer_norm(values, shape, scale, bias[0] if bias else None, attributes.get("epsilon", 1e-5))


def _pad(inputs: Inputs, attributes: Attributes) -> Tensor:
    values, pads = inputs[0], inputs[1].tolist()
    mode, fill = attributes.get("mode", "constant"), inputs[2] if len(inputs) > 2 else None
    rank = values.dim()
    if mode not in ("constant", "reflect") or len(pads) != 2 * rank or any(pads[:2] + pads[rank : rank + 2]):
        raise EngineError(f"Pad is supported on the last two axes, by constants or reflection, not {mode} {pads}")
    # ONNX: all beginnings, then all ends. PyTorch: the last axis first, beginning and end.
    sides = [side for axis in range(rank - 1, 1, -1) for side in (pads[axis], pads[rank + axis])]
    if mode == "reflect":
        return functional.pad(values, sides, mode="reflect")
    return functional.pad(values, sides, value=0.0 if fill is None else fill.item())


def _reduced(inputs: Inputs, attributes: Attributes, reduce: Callable[..., Tensor]) -> Tensor:
    axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else attributes.get("axes")
    if not axes:
        if attributes.get("noop_with_empty_axes"):
            return inputs[0]  # type: ignore[no-any-return]
        axes = range(inputs[0].dim())
    return reduce(inputs[0], dim=tuple(axes), keepdim=bool(attributes.get("keepdims", 1)))


def _reshape(inputs: Inputs, attributes: Attributes) -> Tensor:
    shape = inputs[1].tolist()
    if not attributes.get("allowzero"):
        shape = [inputs[0].shape[axis] if length == 0 else length for axis, length in enumerate(shape)]
    return inputs[0].reshape(shape)  # type: ignore[no-any-return]


def _resize(inputs: Inputs, attributes: Attributes) -> Tensor:
    picture, sizes = inputs[0], inputs[3] if len(inputs) > 3 else None
    way = attributes.get("coordinate_transformation_mode", "half_pixel")
    plain = attributes.get("mode") == "linear" and way in ("half_pixel", "pytorch_half_pixel")
    if not plain or sizes is None or picture.dim() != 4 or attributes.get("antialias"):
        raise EngineError("Resize is supported for pictures: linear, half_pixel, to a given size")
    return functional.interpolate(picture, sizes.tolist()[2:], mode="bilinear", align_corners=False)


def _shape(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.tensor(inputs[0].shape[attributes.get("start", 0) : attributes.get("end")], dtype=torch.int64)


def _slice(inputs: Inputs, _: Attributes) -> Tensor:
    values, starts, ends = inputs[0], inputs[1].tolist(), inputs[2].tolist()
    axes = inputs[3].tolist() if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
    steps = inputs[4].tolist() if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    if any(step < 1 for step in steps):
        raise EngineError("Slice is supported forwards only")
    picked = [slice(None)] * values.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        length = values.shape[axis]  # "from the first" and "to the last" are numbers that PyTorch finds too large
        picked[axis] = slice(max(start, -length), min(end, length), step)
    return values[tuple(picked)]  # type: ignore[no-any-return]


def _squeeze(inputs: Inputs, _: Attributes) -> Tensor:
    axes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else None
    return torch.squeeze(inputs[0]) if axes is None else torch.squeeze(inputs[0], dim=tuple(axes))


def _unsqueeze(inputs: Inputs, _: Attributes) -> Tensor:
    values, axes = inputs[0], inputs[1].tolist()
    rank = values.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        values = values.unsqueeze(axis)
    return values  # type: ignore[no-any-return]


def _transpose(inputs: Inputs, attributes: Attributes) -> Tensor:
    order = attributes.get("perm", tuple(reversed(range(inputs[0].dim()))))
    return inputs[0].permute(tuple(order))  # type: ignore[no-any-return]


def _softmax(inputs: Inputs, attributes: Attributes) -> Tensor:
    return torch.softmax(inputs[0], dim=attributes.get("axis", -1))


OPERATORS: dict[str, Operator] = {
    "Abs": lambda inputs, _: torch.abs(inputs[0]),
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Erf": lambda inputs, _: torch.erf(inputs[0]),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Identity": lambda inputs, _: inputs[0],
    "LayerNormalization": _layer_normalization,
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Pad": _pad,
    "ReduceMean": lambda inputs, attributes: _reduced(inputs, attributes, torch.mean),
    "ReduceSum": lambda inputs, attributes: _reduced(inputs, attributes, torch.sum),
    "Relu": lambda inputs, _: torch.relu(inputs[0]),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": lambda inputs, _: torch.sigmoid(inputs[0]),
    "Slice": _slice,
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""By the operator's name."""
