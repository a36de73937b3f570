"""What the peers are built of: pixels made into channels, and stacks of convolutions that halve the side."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["High", "Stack", "colours", "start_weights"]


def colours(faces: Tensor) -> Tensor:
    """Return faces, uint8, shape (n, size, size, 3), as float32, shape (n, 3, size, size), in -1 to 1."""
    return (faces.permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)


class High(nn.Module):
    """The high-frequency residual: the colours minus their Gaussian blur, amplified, always in float32."""

    def __init__(self, *, sigma: float = 1.2, gain: float = 3.0) -> None:
        super().__init__()
        reach = torch.arange(-4, 5, dtype=torch.float32)
        bell = torch.exp(-0.5 * (reach / sigma) ** 2)
        bell = bell / bell.sum()
        self.gain = gain
        self.blur: Tensor
        self.register_buffer("blur", (bell[:, None] * bell).expand(3, 1, 9, 9).clone(), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the residual of colours in -1 to 1, shape (n, 3, size, size)."""
        with torch.autocast(rgb.device.type, enabled=False):
            padded = functional.pad(rgb.float(), (4, 4, 4, 4), mode="reflect")
            return (rgb.float() - functional.conv2d(padded, self.blur, groups=3)) * self.gain


class Stack(nn.Sequential):
    """A number of 3x3 convolutions, each with batch norm and ReLU, then a maximum over 2x2: half the side."""

    def __init__(self, inputs: int, width: int, convolutions: int) -> None:
        layers: list[nn.Module] = []
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        super().__init__(*layers, nn.MaxPool2d(2))


def start_weights(network: nn.Module) -> None:
    """Draw convolutions as He et al. (ICCV 2015) do: none of the peers has weights to start from."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
