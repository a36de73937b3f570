"""Two ways to end the network other than by an average: a comparison with the surroundings, and a transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Contrast", "Hybrid"]


class Contrast(nn.Module):
    """Compares the inside of the face with the ring around it, at stride 16.

    A swap leaves neck, ears and hair as the camera saw them: noise, colour and compression history differ from the
    face's (the "inside against outside" layer of Rathoure 2024, and the idea behind Nirkin et al., "DeepFake
    Detection Based on Discrepancies Between Faces and their Context", TPAMI 2021). The crop is aligned, so the face
    is always the same ellipse.
    """

    def __init__(self, channels: int, *, width: int = 96, axes: tuple[float, float] = (0.30, 0.36)) -> None:
        """Take the number of input channels.

        Args:
            channels: of the features.
            width: of the hidden layer.
            axes: half-axes of the face as shares of the crop's side, for the usual crop margin of 1.4.
        """
        super().__init__()
        self.axes = axes
        self.project = nn.Conv2d(channels, width, 1)
        last = nn.Linear(width, 1)
        nn.init.zeros_(last.weight)  # begins as if it were not there
        nn.init.zeros_(last.bias)
        self.judge = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Return what is to be added to the logit, shape (n,), from features of shape (n, channels, h, w)."""
        features = functional.relu6(self.project(features))
        inside = self._inside(features)
        face = (features * inside).sum(dim=(2, 3)) / inside.sum()
        ring = (features * (1 - inside)).sum(dim=(2, 3)) / (1 - inside).sum()
        judged: Tensor = self.judge(torch.cat([face, ring, (face - ring).abs()], dim=1))
        return judged.squeeze(1)

    def _inside(self, features: Tensor) -> Tensor:
        height, width = features.shape[2:]
        rows = (torch.arange(height, device=features.device) + 0.5) / height - 0.5
        columns = (torch.arange(width, device=features.device) + 0.5) / width - 0.5
        reach = (rows[:, None] / self.axes[1]) ** 2 + (columns[None] / self.axes[0]) ** 2
        return torch.sigmoid((1 - reach) * 8).to(features.dtype)


class Hybrid(nn.Module):
    """A small transformer over the patches in place of the last stages (after CViT, Wodajo and Atnafu 2021)."""

    def __init__(self, channels: int, *, width: int = 128, layers: int = 2, heads: int = 4, side: int = 14) -> None:
        """Take the number of input channels.

        Args:
            channels: of the features.
            width: of a token.
            layers: of the transformer.
            heads: of its attention.
            side: tokens a side that the positions are learned for; others are interpolated.
        """
        super().__init__()
        self.project = nn.Conv2d(channels, width, 1)
        self.positions = nn.Parameter(torch.randn(1, width, side, side) * 0.02)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.judge = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logit, shape (n,), from features of shape (n, channels, h, w)."""
        positions: Tensor = self.positions
        if features.shape[2:] != positions.shape[2:]:
            positions = functional.interpolate(positions, features.shape[2:], mode="bilinear", align_corners=False)
        tokens = (self.project(features) + positions).flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens = layer(tokens)
        judged: Tensor = self.judge(self.norm(tokens).mean(dim=1))
        return judged.squeeze(1)


class _Layer(nn.Module):
    """Attention and a perceptron, each normalised first and added (Xiong et al., ICML 2020)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        count, length, width = tokens.shape
        asked = self.ask(self.before(tokens)).view(count, length, 3, self.heads, width // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.answer(seen.transpose(1, 2).reshape(count, length, width))
        return tokens + self.think(self.between(tokens))  # type: ignore[no-any-return]
