"""EfficientNet-B4 as Tan and Le describe it ("EfficientNet", ICML 2019), with one logit.

Its weights are random: they cost the same, and nothing is said here of what it detects.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

__all__ = ["B4_INPUT", "EfficientNetB4"]

B4_INPUT = 380
"""Side of the input in pixels."""

_WIDTH, _DEPTH = 1.4, 1.8
_STAGES = (
    # expansion, channels, repeats, stride, kernel: table 1 of the paper
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class EfficientNetB4(nn.Module):
    """Float32, shape (n, 3, 380, 380), to logits, shape (n,)."""

    def __init__(self) -> None:
        super().__init__()
        inputs = _scaled(32)
        layers: list[nn.Module] = [_convolution(3, inputs, 3, stride=2)]
        for expansion, channels, repeats, stride, kernel in _STAGES:
            for place in range(math.ceil(repeats * _DEPTH)):
                outputs = _scaled(channels)
                layers.append(_Block(inputs, outputs, kernel, stride if place == 0 else 1, expansion))
                inputs = outputs
        layers += [_convolution(inputs, _scaled(1280), 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.layers = nn.Sequential(*layers, nn.Linear(_scaled(1280), 1))

    def forward(self, faces: Tensor) -> Tensor:
        """Return one logit a face."""
        logits: Tensor = self.layers(faces)
        return logits[:, 0]


class _Block(nn.Module):
    """Inverted bottleneck with squeeze and excitation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _convolution(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(wide, wide, kernel, stride=stride, groups=wide)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, max(1, inputs // 4), 1),
            nn.SiLU(),
            nn.Conv2d(max(1, inputs // 4), wide, 1),
            nn.Sigmoid(),
        )
        self.project = nn.Sequential(nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's map."""
        wide = self.depthwise(self.expand(features))
        narrow: Tensor = self.project(wide * self.weigh(wide))
        return features + narrow if self.adds else narrow


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(),
    )


def _scaled(channels: int) -> int:
    """Return a width times 1.4, to the next multiple of 8, never a tenth less."""
    rounded = max(8, int(channels * _WIDTH + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * _WIDTH else rounded
