"""The networks that are trained side by side, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from benchmarks.accuracy.peers.cvit import ConvolutionalTransformer
from benchmarks.accuracy.peers.three_layer import ThreeLayer
from benchmarks.accuracy.peers.vgg import VggHead
from stream_guard.training.network import Detector, NetworkOptions

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A network to train.

    Attributes:
        title: for tables.
        build: makes it; is given ImageNet's weights of Lite0, which only ours can begin with.
        remark: what differs from its source.
    """

    title: str
    build: Callable[[Path | None], nn.Module]
    remark: str = ""


def _ours(imagenet: Path | None, options: NetworkOptions | None = None) -> nn.Module:
    detector = Detector(options)
    if imagenet is not None:
        detector.load_imagenet(torch.load(imagenet, map_location="cpu", weights_only=True))
    return detector


PEERS: dict[str, Peer] = {
    "ours": Peer("ours, trained equally", _ours, "ImageNet weights"),
    "ours_scratch": Peer(
        "ours, from nothing", lambda imagenet: _ours(None), "as little to start from as the peers"
    ),
    "rgb": Peer(
        "ours, colours alone", lambda imagenet: _ours(imagenet, NetworkOptions(views="rgb")), "ImageNet weights"
    ),
    "residual": Peer(
        "ours, residual alone",
        lambda imagenet: _ours(imagenet, NetworkOptions(views="residual")),
        "ImageNet weights",
    ),
    "contrast": Peer(
        "ours, inside against outside",
        lambda imagenet: _ours(imagenet, NetworkOptions(head="contrast")),
        "ImageNet weights",
    ),
    "hybrid": Peer(
        "ours, transformer at the end",
        lambda imagenet: _ours(imagenet, NetworkOptions(head="hybrid")),
        "ImageNet weights",
    ),
    "cvit": Peer(
        "CViT-like (Soudy 2024)",
        lambda imagenet: ConvolutionalTransformer(),
        "half the width, tokens of 256 instead of 1,024, depth 4 instead of 6; from nothing",
    ),
    "vgg16": Peer(
        "VGG16 + CNN (Raza 2022)",
        lambda imagenet: VggHead(),
        "half the width, batch norms; from nothing instead of ImageNet",
    ),
    "three_layer": Peer("three layers (Rathoure 2024)", lambda imagenet: ThreeLayer(), "sizes ours; from nothing"),
}
"""In the order in which they are trained."""
