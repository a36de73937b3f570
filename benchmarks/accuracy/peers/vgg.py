"""VGG16 with a small convolutional head, after DFP.

Raza, Munir and Almutairi, "A Novel Deep Learning Approach for Deepfake Image Detection", Applied Sciences 12(19),
2022: VGG16 (Simonyan and Zisserman 2014) without its dense layers, one 3x3 convolution of 1,025 channels, a 2x2
maximum, dropout, a dense layer of 1,025 and a sigmoid. They start from ImageNet weights; here every weight
is drawn, and batch norms, which the original lacks, make it trainable.
"""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.accuracy.peers.layers import Stack, colours, start_weights
from stream_guard.training.network import Output

__all__ = ["VggHead"]

_STACKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of VGG16: channels as a multiple of the first stack's, and convolutions."""


class VggHead(nn.Module):
    """Thirteen convolutions in five stacks, one more without padding, then two dense layers."""

    def __init__(self, *, width: int = 32, head: int = 513, dropout: float = 0.02) -> None:
        """Take the sizes; those of DFP are a width of 64 and a head of 1,025.

        Args:
            width: channels of the first stack.
            head: channels of the head's convolution, and of its dense layer.
            dropout: before the dense layer.
        """
        super().__init__()
        stacks, inputs = [], 3
        for times, convolutions in _STACKS:
            stacks.append(Stack(inputs, times * width, convolutions))
            inputs = times * width
        self.stacks = nn.ModuleList(stacks)
        self.patch = nn.Conv2d(8 * width, 1, 1)
        # The maximum runs over a fixed number of cells: at 256 px these are the 2x2 of the paper, and at every
        # other size the dense layer still fits.
        self.head = nn.Sequential(
            nn.Conv2d(inputs, head, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(3), nn.Dropout(dropout), nn.Flatten()
        )
        self.judge = nn.Sequential(nn.Linear(9 * head, head), nn.ReLU(), nn.Linear(head, 1))
        start_weights(self)

    def forward(self, faces: Tensor) -> Output:
        """Score faces, uint8, shape (n, size, size, 3), RGB."""
        maps = colours(faces)
        for stack in self.stacks[:-1]:
            maps = stack(maps)
        patches = self.patch(maps).squeeze(1)
        return Output(self.judge(self.head(self.stacks[-1](maps))).squeeze(1).float(), patches.float())
