"""Training samples on disk, made once, so that every network learns from the same ones in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stream_guard.errors import ConfigError

__all__ = ["PATCH", "Batch", "SampleSet"]

PATCH = 16
"""Side in pixels of a cell of the masks."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples for one step, real and forged in turn.

    Attributes:
        faces: uint8, shape (n, window, window, 3), RGB.
        labels: float32, shape (n,): 1 for forged.
        masks: float32, shape (n, window / 16, window / 16): how much of each patch was changed.
    """

    faces: Tensor
    labels: Tensor
    masks: Tensor


class SampleSet:
    """Real and forged faces in turn: ``faces.npy``, ``labels.npy`` and ``masks.npy`` in one folder.

    ``faces.npy`` is uint8, shape (n, size, size, 3), RGB; ``labels.npy`` holds 0 for real and 1 for forged;
    ``masks.npy``, shape (n, size / 16, size / 16), says how much of each patch was changed.
    """

    def __init__(self, folder: Path) -> None:
        """Map the files.

        Raises:
            ConfigError: one is missing, or they do not fit each other.
        """
        try:
            self.faces = np.load(folder / "faces.npy", mmap_mode="r")
            self.labels = np.load(folder / "labels.npy", mmap_mode="r")
            self.masks = np.load(folder / "masks.npy", mmap_mode="r")
        except OSError as error:
            raise ConfigError(f"{folder} holds no samples: {error}") from error
        count, size = self.faces.shape[:2]
        grid = size // PATCH
        if self.labels.shape != (count,) or self.masks.shape != (count, grid, grid) or count % 2 or not count:
            raise ConfigError(f"the arrays in {folder} do not fit each other")
        if self.labels[::2].any() or not (self.labels[1::2] == 1).all():
            raise ConfigError(f"the samples in {folder} are not real and forged in turn")

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def size(self) -> int:
        """Side of a face in pixels."""
        return int(self.faces.shape[1])

    def pairs(self, count: int, rng: np.random.Generator) -> Iterator[list[int]]:
        """Yield the first halves' positions of ``count`` pairs at a time, each pair once a pass, without end."""
        while True:
            order = rng.permutation(len(self) // 2) * 2
            # A last, smaller batch would teach with a louder gradient: its pairs wait for the next pass.
            for start in range(0, max(len(order) - count, 0) + 1, count):
                yield order[start : start + count].tolist()

    def batch(self, pairs: list[int], window: int, rng: np.random.Generator) -> Batch:
        """Return these pairs, seen through a window and by a mirror, twins alike.

        Args:
            pairs: positions of the real halves.
            window: its side in pixels, a multiple of 16; placed on the masks' grid.
            rng: draws places and flips.
        """
        faces, masks = [], []
        places = (self.size - window) // PATCH + 1
        for pair in pairs:
            top, left = (int(place) for place in rng.integers(places, size=2))
            step = -1 if rng.random() < 0.5 else 1
            pixels = np.s_[
                pair : pair + 2, PATCH * top : PATCH * top + window, PATCH * left : PATCH * left + window
            ]
            cells = np.s_[pair : pair + 2, top : top + window // PATCH, left : left + window // PATCH]
            faces.append(self.faces[pixels][:, :, ::step])
            masks.append(np.asarray(self.masks[cells], np.float32)[:, :, ::step])
        return Batch(
            torch.from_numpy(np.concatenate(faces)),
            torch.from_numpy(np.tile(np.array([0, 1], np.float32), len(pairs))),
            torch.from_numpy(np.concatenate(masks)),
        )
