"""The faster backward pass must be the same backward pass."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stream_guard.training.depthwise import depthwise

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(3, 1, 1, (11, 13)), (5, 1, 2, (12, 9)), (3, 2, 0, (13, 12)), (5, 2, 0, (15, 14)), (5, 2, 0, (16, 17))],
)
def test_gradients_are_those_of_conv2d(kernel: int, stride: int, padding: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 6, *size, dtype=torch.double, generator=generator, requires_grad=True)
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.double, generator=generator, requires_grad=True)
    expected = functional.conv2d(features, weight, stride=stride, padding=padding, groups=6)
    result = depthwise(features, weight, stride=stride, padding=padding)
    assert torch.equal(result, expected)
    gradient = torch.randn(expected.shape, dtype=torch.double, generator=generator)
    pairs = zip(
        torch.autograd.grad(expected, (features, weight), gradient),
        torch.autograd.grad(result, (features, weight), gradient),
        strict=True,
    )
    for theirs, ours in pairs:
        torch.testing.assert_close(ours, theirs)
