"""A convolutional vision transformer, after the hybrid of Soudy et al.

Soudy et al., "Deepfake detection using convolutional vision transformers and convolutional neural networks", Neural
Computing and Applications 2024, build on CViT (Wodajo and Atnafu, arXiv 2102.11126): a stack of 3x3 convolutions
without fully connected layers, then a vision transformer over its last feature map, read from a class token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.accuracy.peers.layers import Stack, colours, start_weights
from stream_guard.training.network import Output

__all__ = ["ConvolutionalTransformer"]

_CONVOLUTIONS = (3, 3, 3, 4, 4)
"""In each stack: seventeen, as in CViT."""


class ConvolutionalTransformer(nn.Module):
    """Seventeen convolutions down to a thirty-second of the side, then a transformer."""

    def __init__(self, *, width: int = 16, tokens: int = 7, channels: int = 256, depth: int = 4) -> None:
        """Take the sizes; those of the published CViT are a width of 32, 1,024 channels and a depth of 6.

        Args:
            width: channels of the first stack; each of the four that follow has twice as many.
            tokens: side of the token grid for the size it is evaluated at, 224 / 32.
            channels: of the tokens.
            depth: transformer layers.
        """
        super().__init__()
        widths = [3, *(width * 2**number for number in range(len(_CONVOLUTIONS)))]
        self.stacks = nn.ModuleList(
            [Stack(widths[n], widths[n + 1], convolutions) for n, convolutions in enumerate(_CONVOLUTIONS)]
        )
        start_weights(self)
        self.patch = nn.Conv2d(widths[-2], 1, 1)
        self.embed = nn.Linear(widths[-1], channels)
        self.verdict = nn.Parameter(torch.zeros(1, 1, channels))
        self.places = nn.Parameter(0.02 * torch.randn(1, channels, tokens, tokens))
        layer = nn.TransformerEncoderLayer(
            channels, 8, 2 * channels, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.judge = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, 1))

    def forward(self, faces: Tensor) -> Output:
        """Score faces, uint8, shape (n, size, size, 3), RGB."""
        maps = colours(faces)
        for stack in self.stacks[:-1]:
            maps = stack(maps)
        patches = self.patch(maps).squeeze(1)
        maps = self.stacks[-1](maps)
        places: Tensor = self.places
        if maps.shape[2:] != places.shape[2:]:  # the smaller windows of training
            places = functional.interpolate(places, size=maps.shape[2:], mode="bilinear")
        tokens = self.embed(maps.flatten(2).transpose(1, 2)) + places.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.verdict.expand(len(tokens), -1, -1), tokens], dim=1)
        return Output(self.judge(self.transformer(tokens)[:, 0]).squeeze(1).float(), patches.float())
