"""Depthwise convolution with a backward pass that is fast on a CPU.

PyTorch 2.13 leaves two cases of it to slow reference code (oneDNN): the weight gradient of 5x5 kernels, and the
input gradient of strides above one. In bfloat16 they took two thirds of a training step of EfficientNet-Lite0.
Both can be said in terms of the fast cases: a stride is zeros between the gradients, and a 5x5 kernel's gradient
is read from four 3x3 ones. A step of 32 faces of 176 px on two cores (Zen 4) is 1.5 times as fast, measured side by
side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["depthwise"]


def depthwise(features: Tensor, weight: Tensor, *, stride: int, padding: int) -> Tensor:
    """Convolve every channel with its own square kernel, as ``conv2d`` with as many groups as channels does.

    Args:
        features: shape (n, channels, height, width).
        weight: shape (channels, 1, k, k), k 3 or 5.
        stride: in both directions.
        padding: zeros on every side.
    """
    if features.device.type != "cpu" or not torch.is_grad_enabled():
        return functional.conv2d(features, weight, stride=stride, padding=padding, groups=features.shape[1])
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        features, weight = features.to(dtype), weight.to(dtype)
    result: Tensor = _Depthwise.apply(features, weight, stride, padding)  # type: ignore[no-untyped-call]
    return result


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(features, weight, stride=stride, padding=padding, groups=features.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        features, weight = ctx.saved_tensors
        padding, kernel = ctx.padding, weight.shape[2]
        gradient = _spread(gradients[0], ctx.stride)
        # Rows and columns at the end that a stride stepped over have no part in the result.
        used = [length + kernel - 1 - 2 * padding for length in gradient.shape[2:]]
        unused = [0, features.shape[3] - used[1], 0, features.shape[2] - used[0]]
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            flipped = weight.flip(2, 3)
            to_features = functional.conv2d(
                gradient, flipped, padding=kernel - 1 - padding, groups=features.shape[1]
            )
            if any(unused):
                to_features = functional.pad(to_features, unused)
        if ctx.needs_input_grad[1]:
            seen = functional.pad(features[:, :, : used[0], : used[1]], [padding] * 4)
            to_weight = _weight_gradient(seen, weight, gradient)
        return to_features, to_weight, None, None


def _spread(gradient: Tensor, stride: int) -> Tensor:
    """Return what the gradient would be had the convolution not left out the places between its strides."""
    if stride == 1:
        return gradient.contiguous(memory_format=torch.channels_last)
    count, channels, height, width = gradient.shape
    shape = (count, channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
    spread = torch.zeros(shape, dtype=gradient.dtype, device=gradient.device).to(memory_format=torch.channels_last)
    spread[:, :, ::stride, ::stride] = gradient
    return spread


def _weight_gradient(seen: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient of the kernels, from padded features and the spread gradient."""
    kernel = weight.shape[2]
    result = torch.empty_like(weight)
    height, width = (length + 2 for length in gradient.shape[2:])
    for top in range(0, kernel - 1, 2):
        for left in range(0, kernel - 1, 2):
            part = seen[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)
            result[:, :, top : top + 3, left : left + 3] = torch.ops.aten.convolution_backward(
                gradient, part, weight[:, :, :3, :3].contiguous(), None, [1, 1], [0, 0], [1, 1], False, [0, 0],
                weight.shape[0], [False, True, False],
            )[1]  # fmt: skip
    return result
