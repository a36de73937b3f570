"""The detector's network: EfficientNet-Lite0 on RGB next to a high-frequency residual.

Lite0 is EfficientNet-B0 (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6, so that it
runs well on every engine. Module names follow the published ImageNet weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from stream_guard.training.depthwise import depthwise

__all__ = ["MEAN", "STD", "Detector", "Output"]

MEAN, STD = (0.498, 0.498, 0.498), (0.502, 0.502, 0.502)
_STAGES = [  # repeats, kernel, stride, expansion, output channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
_PATCH_BLOCK = 10
"""The last block at stride 16: from here the patch map is read."""


class Output(NamedTuple):
    """What the network says.

    Attributes:
        logits: float32, shape (n,). Positive leans to synthetic.
        patches: float32, shape (n, size / 16, size / 16): the same per region.
    """

    logits: Tensor
    patches: Tensor


class Detector(nn.Module):
    """From pixels to a logit and a patch map; colour normalisation and residual are part of the graph."""

    def __init__(self, *, residual_sigma: float = 1.2, residual_gain: float = 6.0, dropout: float = 0.2) -> None:
        super().__init__()
        self.residual_gain = residual_gain
        self.blur: Tensor
        self.mean: Tensor
        self.std: Tensor
        reach = torch.arange(-4, 5, dtype=torch.float32)
        bell = torch.exp(-0.5 * (reach / residual_sigma) ** 2)
        bell = bell / bell.sum()
        self.register_buffer("blur", (bell[:, None] * bell[None]).expand(3, 1, 9, 9).clone(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self._conv_stem = _Padded(6, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, channels = [], 32
        for repeats, kernel, stride, expansion, width in _STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(channels, width, kernel, stride if repeat == 0 else 1, expansion))
                channels = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(1280, 1)
        self.patch = nn.Conv2d(112, 1, 1)

    def forward(self, faces: Tensor) -> Output:
        """Score faces.

        Args:
            faces: uint8, shape (n, size, size, 3), RGB.
        """
        views = self.views(faces)
        features = functional.relu6(self._bn0(self._conv_stem(views)))
        patches = None
        for number, block in enumerate(self._blocks):
            features = block(features)
            if number == _PATCH_BLOCK:
                patches = self.patch(features).squeeze(1)
        assert patches is not None
        features = functional.relu6(self._bn1(self._conv_head(features)))
        pooled = self.dropout(features.mean(dim=(2, 3)))
        return Output(self.logit(pooled).squeeze(1).float(), patches.float())

    def views(self, faces: Tensor) -> Tensor:
        """Return the six input channels: normalised RGB, then the residual. Always float32.

        The residual is the image minus its Gaussian blur: it keeps what resampling, sharpening and decoders
        change, and a reduced precision would round it away.
        """
        with torch.autocast(faces.device.type, enabled=False):
            rgb = faces.permute(0, 3, 1, 2).float() / 255.0
            blurred = functional.conv2d(functional.pad(rgb, (4, 4, 4, 4), mode="reflect"), self.blur, groups=3)
            return torch.cat([(rgb - self.mean) / self.std, (rgb - blurred) * self.residual_gain], dim=1)

    def load_imagenet(self, state: dict[str, Tensor]) -> None:
        """Start from the published ImageNet weights of the three-channel network.

        The stem sees the residual with the same filters as RGB, at half weight each, so that the first
        activations keep the scale that the batch norms expect.
        """
        state = {name: value for name, value in state.items() if not name.startswith("_fc.")}
        stem = state["_conv_stem.weight"]
        state["_conv_stem.weight"] = torch.cat([stem, stem], dim=1) * 0.5
        missing, unexpected = self.load_state_dict(state, strict=False)
        new = {"logit.weight", "logit.bias", "patch.weight", "patch.bias"}
        if set(missing) != new or unexpected:
            raise ValueError("these are not the weights of EfficientNet-Lite0")


class _Padded(nn.Conv2d):
    """A convolution padded as TensorFlow's ``same`` does: where the stride is two, more at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        if self.stride[0] == 1:
            return self._convolve(features)
        pads: list[int] = []
        for length, kernel in ((features.shape[3], self.kernel_size[1]), (features.shape[2], self.kernel_size[0])):
            # Python integers: at export the size is fixed, so the padding is a constant of the graph.
            total = max((-(-int(length) // 2) - 1) * 2 + kernel - int(length), 0)
            pads += [total // 2, total - total // 2]
        return self._convolve(functional.pad(features, pads))

    def _convolve(self, features: Tensor) -> Tensor:
        if self.groups == 1 or self.bias is not None:  # a folded one has a bias, and is not trained any more
            return super().forward(features)
        return depthwise(features, self.weight, stride=self.stride[0], padding=int(self.padding[0]))


class _Block(nn.Module):
    """An inverted residual block (Sandler et al., CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, width, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(width, eps=1e-3)
        self._depthwise_conv = _Padded(width, width, kernel, stride=stride, groups=width)
        self._bn1 = nn.BatchNorm2d(width, eps=1e-3)
        self._project_conv = nn.Conv2d(width, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        out = features
        if self.expands:
            out = functional.relu6(self._bn0(self._expand_conv(out)))
        out = functional.relu6(self._bn1(self._depthwise_conv(out)))
        out = self._bn2(self._project_conv(out))
        return torch.add(out, features) if self.shortcut else out
