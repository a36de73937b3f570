"""Trains the end of a detector on few pictures: its first blocks stay as they are, so what they see is kept.

On a CPU that is what makes repeated splits affordable: the frozen blocks run once for each picture and each of its
shifted and mirrored copies, for all splits.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stream_guard.training.network import Detector

__all__ = ["FROZEN", "Tail", "features", "shifted_copies", "train_tail"]

FROZEN = 11
"""Blocks that stay as they are: all down to a sixteenth of the side."""


class Tail(nn.Module):
    """What follows the frozen blocks of a detector, whatever its head."""

    def __init__(self, detector: Detector, frozen: int = FROZEN) -> None:
        """Copy a detector; its first ``frozen`` blocks are replaced by what `features` gave."""
        super().__init__()
        self.detector = copy.deepcopy(detector)
        self.replay = _Replay()
        self.detector._conv_stem, self.detector._bn0 = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        for number in range(frozen):
            self.detector._blocks[number] = self.replay if number == frozen - 1 else nn.Identity()
        self.detector.views = lambda faces: faces  # type: ignore[method-assign]

    def forward(self, kept: Tensor) -> Tensor:
        """Return the logits, float32, shape (n,), of kept features."""
        self.replay.kept = kept
        logits: Tensor = self.detector(kept[:, :1, :1, :1]).logits  # the picture itself is not looked at any more
        return logits


class _Replay(nn.Module):
    """Stands where a block was and returns what it once did."""

    kept: Tensor

    def forward(self, features: Tensor) -> Tensor:
        return self.kept


def shifted_copies(
    pictures: NDArray[np.uint8], copies: int, rng: np.random.Generator, *, reach: int = 12
) -> NDArray[np.uint8]:
    """Return each picture as it is, then moved by up to ``reach`` pixels and, every other copy, mirrored.

    Args:
        pictures: uint8, shape (n, size, size, 3).
        copies: of each picture, the untouched one counted.
        rng: draws the shifts.
        reach: in pixels; the edge is repeated.

    Returns:
        uint8, shape (copies, n, size, size, 3).
    """
    size = pictures.shape[1]
    padded = np.pad(pictures, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    result = np.empty((copies, *pictures.shape), np.uint8)
    result[0] = pictures
    for number in range(1, copies):
        for place, (top, left) in enumerate(rng.integers(2 * reach + 1, size=(len(pictures), 2))):
            moved = padded[place, top : top + size, left : left + size]
            result[number, place] = moved[:, ::-1] if number % 2 else moved
    return result


def features(detector: Detector, pictures: NDArray[np.uint8], frozen: int = FROZEN, *, batch: int = 32) -> Tensor:
    """Return what the frozen blocks make of pictures, bfloat16, shape (n, channels, size / 16, size / 16).

    Args:
        detector: in evaluation mode while it runs: its batch norms keep their statistics.
        pictures: uint8, shape (n, size, size, 3), RGB.
        frozen: how many blocks.
        batch: pictures at a time.
    """
    detector.eval()
    parts = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pictures), batch):
            views = detector.views(torch.from_numpy(pictures[start : start + batch]))
            maps = functional.relu6(detector._bn0(detector._conv_stem(views)))
            for block in detector._blocks[:frozen]:
                maps = block(maps)
            parts.append(maps.to(torch.bfloat16))
    return torch.cat(parts).clone()


def train_tail(
    tail: Tail,
    kept: Tensor,
    labels: NDArray[np.float32],
    *,
    epochs: int,
    rng: np.random.Generator,
    batch: int = 32,
    learning_rate: float = 1e-3,
) -> list[float]:
    """Train a tail in place; leave it in evaluation mode.

    Args:
        tail: see `Tail`.
        kept: from `features`, shape (copies, n, channels, side, side); each picture is drawn as one copy an epoch.
        labels: float32, shape (n,), 1 for forged.
        epochs: passes over the pictures.
        rng: draws copies and order.
        batch: pictures in a step.
        learning_rate: the highest; it falls to nothing as a cosine.

    Returns:
        The mean loss of each epoch.
    """
    optimiser = torch.optim.AdamW(
        [parameter for parameter in tail.parameters() if parameter.requires_grad],
        lr=learning_rate,
        weight_decay=0.05,
    )
    count, losses = len(labels), []
    steps = max(1, count // batch)
    torch.manual_seed(int(rng.integers(2**31)))
    tail.train()
    for epoch in range(epochs):
        order, chosen, total = rng.permutation(count), rng.integers(len(kept), size=count), 0.0
        for step in range(steps):
            share = (epoch * steps + step) / (epochs * steps)
            optimiser.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * share))
            places = order[step * batch : (step + 1) * batch]
            with torch.autocast("cpu", torch.bfloat16):
                logits = tail(kept[torch.from_numpy(chosen[places]), torch.from_numpy(places)])
            loss = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[places]))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach())
        losses.append(total / steps)
    tail.eval()
    return losses
