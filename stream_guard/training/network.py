"""The detector's network: EfficientNet-Lite0 on RGB next to a high-frequency residual, with a choice of heads.

Lite0 is EfficientNet-B0 (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6, so that it
runs well on every engine. Module names follow the published ImageNet weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from stream_guard.training.depthwise import depthwise
from stream_guard.training.heads import Contrast, Hybrid

__all__ = ["MEAN", "STD", "Detector", "NetworkOptions", "Output"]

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
_PATCH_CHANNELS = 112
_LAST_STAGE = 5
"""The last block, its channels and its stage's end at stride 16: from here the patch map is read."""
_LATER = ("_conv_head.", "_bn1.", "_blocks.11.", "_blocks.12.", "_blocks.13.", "_blocks.14.", "_blocks.15.")
"""What of the published network comes after that."""


class Output(NamedTuple):
    """What the network says.

    Attributes:
        logits: float32, shape (n,). Positive leans to synthetic.
        patches: float32, shape (n, size / 16, size / 16): the same per region.
    """

    logits: Tensor
    patches: Tensor


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How the network sees a face, and how it makes up its mind.

    Attributes:
        views: what it sees: the colours, the high-frequency residual, or both.
        head: ``mean`` averages the last features over the face. ``contrast`` adds to that a comparison of the
            face with what surrounds it. ``hybrid`` ends in a small transformer instead of the last stages.
        residual_sigma: of the Gaussian blur that is taken off, in pixels.
        residual_gain: times the residual.
        dropout: share of the last features that training leaves out.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    views: Literal["rgb", "residual", "both"] = "both"
    head: Literal["mean", "contrast", "hybrid"] = "mean"
    residual_sigma: float = 1.2
    residual_gain: float = 6.0
    dropout: float = 0.2


class Detector(nn.Module):
    """From pixels to a logit and a patch map; colour normalisation and residual are part of the graph."""

    def __init__(self, options: NetworkOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or NetworkOptions()
        self.blur: Tensor
        self.mean: Tensor
        self.std: Tensor
        reach = torch.arange(-4, 5, dtype=torch.float32)
        bell = torch.exp(-0.5 * (reach / options.residual_sigma) ** 2)
        bell = bell / bell.sum()
        self.register_buffer("blur", (bell[:, None] * bell[None]).expand(3, 1, 9, 9).clone(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self._conv_stem = _Padded(6 if options.views == "both" else 3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, channels = [], 32
        hybrid = options.head == "hybrid"
        for repeats, kernel, stride, expansion, width in _STAGES[:_LAST_STAGE] if hybrid else _STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(channels, width, kernel, stride if repeat == 0 else 1, expansion))
                channels = width
        self._blocks = nn.ModuleList(blocks)
        self.hybrid = Hybrid(_PATCH_CHANNELS) if hybrid else None
        self.contrast = Contrast(_PATCH_CHANNELS) if options.head == "contrast" else None
        if not hybrid:
            self._conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
            self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
            self.dropout = nn.Dropout(options.dropout)
            self.logit = nn.Linear(1280, 1)
        self.patch = nn.Conv2d(_PATCH_CHANNELS, 1, 1)

    def forward(self, faces: Tensor) -> Output:
        """Score faces.

        Args:
            faces: uint8, shape (n, size, size, 3), RGB.
        """
        views = self.views(faces)
        features = functional.relu6(self._bn0(self._conv_stem(views)))
        for block in self._blocks[: _PATCH_BLOCK + 1]:
            features = block(features)
        patches = self.patch(features).squeeze(1)
        if self.hybrid is not None:
            return Output(self.hybrid(features).float(), patches.float())
        compared = self.contrast(features) if self.contrast is not None else 0.0
        for block in self._blocks[_PATCH_BLOCK + 1 :]:
            features = block(features)
        features = functional.relu6(self._bn1(self._conv_head(features)))
        pooled = self.dropout(features.mean(dim=(2, 3)))
        return Output((self.logit(pooled).squeeze(1) + compared).float(), patches.float())

    def views(self, faces: Tensor) -> Tensor:
        """Return the input channels: normalised RGB, the residual, or one after the other. Always float32.

        The residual is the image minus its Gaussian blur: it keeps what resampling, sharpening and decoders
        change, and a reduced precision would round it away.
        """
        with torch.autocast(faces.device.type, enabled=False):
            rgb = faces.permute(0, 3, 1, 2).float() / 255.0
            colours = (rgb - self.mean) / self.std
            if self.options.views == "rgb":
                return colours
            blurred = functional.conv2d(functional.pad(rgb, (4, 4, 4, 4), mode="reflect"), self.blur, groups=3)
            residual = (rgb - blurred) * self.options.residual_gain
            return residual if self.options.views == "residual" else torch.cat([colours, residual], dim=1)

    def load_imagenet(self, state: dict[str, Tensor]) -> None:
        """Start from the published ImageNet weights of the three-channel network.

        Where the stem sees both views, it does so with the same filters, at half weight each, so that the first
        activations keep the scale that the batch norms expect.

        Raises:
            ValueError: these are the weights of another network.
        """
        state = {name: value for name, value in state.items() if not name.startswith("_fc.")}
        if self.options.views == "both":
            stem = state["_conv_stem.weight"]
            state["_conv_stem.weight"] = torch.cat([stem, stem], dim=1) * 0.5
        ours = self.state_dict()
        own = {name for name in ours if name.startswith(("logit.", "patch.", "contrast.", "hybrid."))}
        unused = {name for name in state if name.startswith(_LATER)} if self.hybrid is not None else set()
        state = {name: value for name, value in state.items() if name not in unused}
        if set(state) != set(ours) - own:
            raise ValueError("these are not the weights of EfficientNet-Lite0")
        self.load_state_dict(state, strict=False)


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
