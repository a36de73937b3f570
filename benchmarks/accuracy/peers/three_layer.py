"""A detector of three feature layers, after Rathoure et al.

Rathoure, Pateriya, Bharot and Verma, "Combating deepfakes: a comprehensive multilayer deepfake video detection
framework", Multimedia Tools and Applications 2024: colour features, a high-frequency layer that looks for the
traces of generators against those of cameras, and a layer that compares the inside of the face with its
surroundings; a classifier reads all three. The sizes are ours: the abstract, all that could be had, gives none.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.accuracy.peers.layers import High, Stack, colours, start_weights
from stream_guard.training.network import Output

__all__ = ["ThreeLayer"]

_FACE = (0.30, 0.36)
"""Half-axes of the face's ellipse as shares of a crop of 224 px at a margin of 1.4: across, down."""
_CROP = 224


class ThreeLayer(nn.Module):
    """Colour, residual and inside against outside, each as a vector; a small head reads them together."""

    def __init__(self, *, width: int = 16, compared: int = 32) -> None:
        """Take the sizes.

        Args:
            width: channels of the first stack of the colour and residual layers; eight times as many at the end.
            compared: channels in which inside and outside are compared.
        """
        super().__init__()
        self.high = High()
        self.colour = _layer(width)
        self.residual = _layer(width)
        self.noise = nn.Sequential(Stack(6, compared, 1), Stack(compared, compared, 1))
        self.patch = nn.Conv2d(2 * 8 * width, 1, 1)
        self.fuse = nn.Sequential(
            nn.Linear(2 * 8 * width + 4 * compared, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 1)
        )
        start_weights(self)

    def forward(self, faces: Tensor) -> Output:
        """Score faces, uint8, shape (n, size, size, 3), RGB."""
        rgb = colours(faces)
        residual = self.high(rgb)
        colour, high = self.colour(rgb), self.residual(residual)
        patches = self.patch(torch.cat([colour, high], dim=1)).squeeze(1)
        maps = self.noise(torch.cat([rgb, residual], dim=1)).float()
        compared = _compare(maps, _inside(maps, faces.shape[1]))
        seen = torch.cat([colour.mean(dim=(2, 3)), high.mean(dim=(2, 3)), compared], dim=1)
        return Output(self.fuse(seen).squeeze(1).float(), patches.float())


def _layer(width: int) -> nn.Sequential:
    """Return seven convolutions down to a sixteenth of the side and eight times the channels."""
    return nn.Sequential(
        Stack(3, width, 1),
        Stack(width, 2 * width, 2),
        Stack(2 * width, 4 * width, 2),
        Stack(4 * width, 8 * width, 2),
    )


def _inside(maps: Tensor, size: int) -> Tensor:
    """Return 1 inside the face's ellipse and 0 outside it, shape (1, 1, side, side).

    Measured in pixels of the crop: a window cut from a crop shows the face as large as the crop does.
    """
    side = maps.shape[2]
    place = (torch.arange(side, device=maps.device) + 0.5) * (size / side) - size / 2
    across, down = place / (_FACE[0] * _CROP), place / (_FACE[1] * _CROP)
    return ((across[None] ** 2 + down[:, None] ** 2) < 1).to(maps.dtype)[None, None]


def _compare(maps: Tensor, inside: Tensor) -> Tensor:
    """Return how mean and deviation of each channel differ between inside and outside, and both deviations.

    Returns:
        float32, shape (n, 4 x channels).
    """
    means, deviations = [], []
    for where in (inside, 1 - inside):
        share = where / where.sum().clamp(min=1)
        mean = (maps * share).sum(dim=(2, 3))
        variance = ((maps - mean[:, :, None, None]) ** 2 * share).sum(dim=(2, 3))
        means.append(mean)
        deviations.append(functional.softplus(variance, beta=100).sqrt())
    return torch.cat([means[0] - means[1], (deviations[0] / deviations[1]).log(), *deviations], dim=1)
