"""MesoNet: Meso4 and MesoInception4 with their authors' weights.

Afchar, Nozick, Yamagishi and Echizen, "MesoNet: a compact facial video forgery detection network", WIFS 2018. The
arrays are those of the published Keras files: kernels (height, width, inputs, outputs), a batch norm after (not
before) each ReLU, and a dense layer that reads the feature map with the channel as the fastest axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stream_guard.errors import ModelError

__all__ = ["SIZE", "Inception", "Meso4", "MesoInception4", "MesoNet", "fill", "load_mesonet"]

SIZE = 256
"""Side of the input in pixels."""
_EPSILON = 1e-3
"""Of Keras's batch norm; PyTorch's is a hundred times smaller."""
_Weighted = nn.Conv2d | nn.BatchNorm2d | nn.Linear


class Inception(nn.Module):
    """Four branches side by side, two of them dilated (by two and by three), each ending in a ReLU."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, *others = widths
        self.point = nn.Conv2d(inputs, first, 1)
        self.narrow = nn.ModuleList([nn.Conv2d(inputs, width, 1) for width in others])
        self.wide = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=rate, dilation=rate) for rate, width in enumerate(others, 1)]
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the branches' maps, one after the other along the channels."""
        branches = [functional.relu(self.point(features))]
        for narrow, wide in zip(self.narrow, self.wide, strict=True):
            branches.append(functional.relu(wide(functional.relu(narrow(features)))))
        return torch.cat(branches, dim=1)

    def in_keras_order(self) -> list[_Weighted]:
        """Return the convolutions in the order in which Keras numbered them."""
        pairs = zip(self.narrow, self.wide, strict=True)
        return [self.point, *(cast("nn.Conv2d", layer) for pair in pairs for layer in pair)]


class MesoNet(nn.Module):
    """What both networks share: four blocks of features, then two dense layers."""

    def __init__(self, features: list[nn.Module], widths: list[int]) -> None:
        super().__init__()
        self.features = nn.ModuleList(features)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width, eps=_EPSILON) for width in widths])
        self.dense = nn.Linear(widths[-1] * 8 * 8, 16)
        self.logit = nn.Linear(16, 1)

    def forward(self, faces: Tensor) -> Tensor:
        """Score faces.

        Args:
            faces: uint8, shape (n, 256, 256, 3), RGB.

        Returns:
            float32, shape (n,): logits, positive leans to synthetic. The networks were trained to say how likely a
            face is real, so the sign is turned.
        """
        maps = faces.permute(0, 3, 1, 2).float() / 255.0
        for block, norm, pool in zip(self.features, self.norms, (2, 2, 2, 4), strict=True):
            maps = functional.max_pool2d(norm(functional.relu(block(maps))), pool)
        flat = maps.permute(0, 2, 3, 1).flatten(1)
        real: Tensor = self.logit(functional.leaky_relu(self.dense(flat), 0.1))
        return -real.squeeze(1)

    def in_keras_order(self) -> dict[str, list[_Weighted]]:
        """Return the layers that have weights, by Keras's kind, in the order in which it numbered them."""
        convolutions: list[_Weighted] = []
        for block in self.features:
            convolutions += block.in_keras_order() if isinstance(block, Inception) else [cast("nn.Conv2d", block)]
        return {
            "conv2d": convolutions,
            "batch_normalization": [cast("nn.BatchNorm2d", norm) for norm in self.norms],
            "dense": [self.dense, self.logit],
        }


class Meso4(MesoNet):
    """Four plain convolutions, 28 thousand parameters."""

    def __init__(self) -> None:
        widths = [8, 8, 16, 16]
        kernels = [(3, 3, 8), (5, 8, 8), (5, 8, 16), (5, 16, 16)]
        super().__init__([nn.Conv2d(inputs, out, k, padding="same") for k, inputs, out in kernels], widths)


class MesoInception4(MesoNet):
    """Two inception modules in place of the first two convolutions."""

    def __init__(self) -> None:
        blocks: list[nn.Module] = [Inception(3, (1, 4, 4, 2)), Inception(11, (2, 4, 4, 2))]
        blocks += [nn.Conv2d(12, 16, 5, padding="same"), nn.Conv2d(16, 16, 5, padding="same")]
        super().__init__(blocks, [11, 12, 16, 16])


def load_mesonet(weights: Path) -> MesoNet:
    """Read one of the published files, kept as numpy arrays under Keras's names.

    Args:
        weights: an ``.npz``. One with the arrays of four convolutions is Meso4, with sixteen MesoInception4.

    Returns:
        The network, in evaluation mode.

    Raises:
        ModelError: the arrays are not those of either network.
    """
    with np.load(weights) as arrays:
        network = Meso4() if sum(name.endswith("kernel:0") for name in arrays) == 6 else MesoInception4()
        fill(network, arrays)
    return network.eval()


def fill(network: MesoNet, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy Keras's arrays, ``conv2d_7/conv2d_7/kernel:0`` and the like, into a network.

    Raises:
        ModelError: an array is missing, has another shape, or there are too many.
    """
    used = 0
    for kind, layers in network.in_keras_order().items():
        # The first number depends on what else was built in that Python process; only the order counts.
        names = {name.split("/")[0] for name in arrays if name.startswith(kind + "_")}
        numbered = sorted(names, key=lambda name: int(name.rsplit("_", 1)[1]))
        if len(numbered) != len(layers):
            raise ModelError(f"expected {len(layers)} layers of the kind {kind}, found {len(numbered)}")
        for name, layer in zip(numbered, layers, strict=True):
            for parameter, target in _targets(layer).items():
                array = arrays[f"{name}/{name}/{parameter}:0"]
                _copy(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T, target, name)
                used += 1
    if used != len(arrays):
        raise ModelError(f"{len(arrays) - used} arrays belong to no layer")


def _targets(layer: _Weighted) -> dict[str, Tensor]:
    """Return where Keras's parameters go in a layer."""
    if isinstance(layer, nn.BatchNorm2d):
        assert layer.running_mean is not None
        assert layer.running_var is not None
        statistics = {"moving_mean": layer.running_mean, "moving_variance": layer.running_var}
        return {"gamma": layer.weight, "beta": layer.bias, **statistics}
    assert layer.bias is not None
    return {"kernel": layer.weight, "bias": layer.bias}


def _copy(array: NDArray[np.float32], target: Tensor, name: str) -> None:
    if array.shape != tuple(target.shape):
        raise ModelError(f"{name} has the shape {array.shape}, not {tuple(target.shape)}")
    with torch.no_grad():
        target.copy_(torch.from_numpy(np.ascontiguousarray(array)))
