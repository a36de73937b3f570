"""Training samples: each real face beside a forged twin, both as the same call would show them.

Faces come in groups of equal size that pass the codec together, laid out like a gallery: one encoder for many
faces is what makes this cheap enough to be done anew for every sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict
from torch.utils.data import IterableDataset, get_worker_info

from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.training.augment import camera, processing
from stream_guard.training.call import send
from stream_guard.training.forgery import KINDS, Forger, Mix, Seen
from stream_guard.training.reconstruction import Reconstructions
from stream_guard.training.scene import cover, dress
from stream_guard.training.shard import PreparedFace, Shard

__all__ = ["Recipe", "Samples", "Twins", "join"]

_Tile = tuple[NDArray[np.uint8], NDArray[np.float32], int]

_CAMERA_MARGIN = 1.3
"""The camera's view over the model's crop: room for the jitter of the box."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How samples are made.

    Attributes:
        size: side of the model's input in pixels.
        margin: crop margin, as in the manifest.
        grid: side of the patch map.
        mix: shares of the kinds of forgery.
        codec_share: how many groups pass a codec.
        faces: people in a group; the group has twice as many samples.
        face_px: smallest and largest face in the camera's picture.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    size: int = 224
    margin: float = 1.4
    grid: int = 14
    mix: Mix = field(default_factory=Mix)
    codec_share: float = 0.7
    faces: int = 8
    face_px: tuple[float, float] = (72.0, 230.0)


@dataclass(frozen=True, slots=True)
class Samples:
    """A group of samples, real and forged in turn.

    Attributes:
        faces: uint8, shape (n, size, size, 3), RGB.
        labels: float32, shape (n,): 1 for forged.
        masks: float32, shape (n, grid, grid): how much of each patch was changed.
        kinds: int64, shape (n,): what each is, a place in `forgery.KINDS`.
        positions: int64, shape (n,): of the faces in the shard.
    """

    faces: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor
    kinds: torch.Tensor
    positions: torch.Tensor


def join(groups: list[Samples]) -> Samples:
    """Make one batch of several groups."""
    names = [name.name for name in fields(Samples)]
    return Samples(**{name: torch.cat([getattr(group, name) for group in groups]) for name in names})


class Twins(IterableDataset[Samples]):
    """An endless, seeded stream of groups; each worker has its own."""

    def __init__(
        self, shard: Path, positions: list[int], recipe: Recipe, *, seed: int, reconstructions: Path | None = None
    ) -> None:
        """Take the faces at these positions of the shard in this folder.

        Args:
            shard: folder of prepared faces.
            positions: which of them.
            recipe: how samples are made.
            seed: of everything.
            reconstructions: folder of the same faces drawn anew; needed where the recipe asks for them.
        """
        self._folder, self._recipe, self._seed, self._drawn = shard, recipe, seed, reconstructions
        self._positions = np.array(positions)

    def __iter__(self) -> Iterator[Samples]:
        worker = get_worker_info()
        rng = np.random.default_rng((self._seed, worker.id if worker else 0))
        shard = Shard(self._folder)
        drawn = Reconstructions(self._drawn) if self._drawn is not None else None
        forger = Forger(shard, self._positions, self._recipe.mix, drawn)
        native = np.array([max(np.ptp(shard[i].landmarks, axis=0)) for i in self._positions])
        often = np.array([_how_often(shard[i], self._recipe.margin) for i in self._positions])
        low, high = self._recipe.face_px
        while True:
            face_px = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            # Enlarging a picture makes it soft, like a poor webcam: allowed, but not by much.
            weights = often * (native * 1.3 >= face_px)
            weights = weights if weights.any() else often
            chosen = rng.choice(self._positions, self._recipe.faces, p=weights / weights.sum())
            yield self._group(shard, forger, chosen, face_px, rng)

    def _group(
        self,
        shard: Shard,
        forger: Forger,
        positions: NDArray[np.int64],
        face_px: float,
        rng: np.random.Generator,
    ) -> Samples:
        twins = [twin for i in positions for twin in self._twins(shard[int(i)], int(i), forger, face_px, rng)]
        tiles = [tile for tile, _, _ in twins]
        sent = send(tiles, rng) if rng.random() < self._recipe.codec_share else tiles
        recipe, scale = self._recipe, sent[0].shape[0] / tiles[0].shape[0]
        crops, changed = [], []
        for number, (tile, (_, mask, _)) in enumerate(zip(sent, twins, strict=True)):
            if number % 2 == 0:  # twins share the jitter of the box
                matrix = _jittered(tile.shape[0], face_px * scale, recipe, rng)
            crops.append(cut(tile, matrix, size=recipe.size))
            small = cv2.resize(mask, tile.shape[:2], interpolation=cv2.INTER_AREA)
            placed = cv2.warpAffine(small, matrix, (recipe.size, recipe.size))
            changed.append(cv2.resize(placed, (recipe.grid, recipe.grid), interpolation=cv2.INTER_AREA))
        return Samples(
            faces=torch.from_numpy(np.stack(crops)),
            labels=torch.from_numpy(np.tile(np.array([0, 1], np.float32), len(positions))),
            masks=torch.from_numpy(np.stack(changed)),
            kinds=torch.tensor([kind for _, _, kind in twins]),
            positions=torch.from_numpy(np.repeat(positions, 2)),
        )

    def _twins(
        self, face: PreparedFace, position: int, forger: Forger, face_px: float, rng: np.random.Generator
    ) -> list[_Tile]:
        """Return the real tile and the forged one, each with the mask of what was changed, and its kind."""
        side = 2 * round(face_px * self._recipe.margin * _CAMERA_MARGIN / 2)
        placed = crop_matrix(landmark_box(face.landmarks), size=side, margin=side / face_px)
        tile = cut(face.rgb, placed, size=side)
        if rng.random() < 0.5:
            tile = np.ascontiguousarray(tile[:, ::-1])
            placed = np.array([-placed[0] + [0.0, 0.0, side - 1.0], placed[1]])
        landmarks = (face.landmarks @ placed[:, :2].T + placed[:, 2]).astype(np.float32)
        kind, dressing = forger.choose(rng), int(rng.integers(2**31))
        # What was drawn anew was drawn undressed: glasses must not tell the twins apart, so both are dressed later.
        late = KINDS[kind] == "reconstructed"
        seen = tile.astype(np.float32)
        if not late:
            seen = dress(seen, landmarks, np.random.default_rng(dressing))
        seen = camera(seen, rng)
        real, forged, mask = forger.forge(kind, Seen(seen, landmarks, position, placed), rng)
        if late:
            real, forged = (dress(rgb, landmarks, np.random.default_rng(dressing)) for rgb in (real, forged))
        after = int(rng.integers(2**31))  # what follows happens to both alike
        return [
            _finish(picture, where, landmarks, number, np.random.default_rng(after))
            for picture, where, number in ((real, np.zeros_like(mask), 0), (forged, mask, kind))
        ]


def _how_often(face: PreparedFace, margin: float) -> float:
    """Return a weight: less for a face whose crop leaves its picture, where edges are repeated as no call shows."""
    box = landmark_box(face.landmarks)
    reach = margin * max(box.width, box.height) / 2
    x, y = box.centre
    height, width = face.rgb.shape[:2]
    inside = max(0.0, min(width, x + reach) - max(0.0, x - reach)) * max(
        0.0, min(height, y + reach) - max(0.0, y - reach)
    )
    return 1.0 if inside > 0.8 * (2 * reach) ** 2 else 0.3


def _finish(
    rgb: NDArray[np.float32],
    changed: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    kind: int,
    rng: np.random.Generator,
) -> _Tile:
    """Do what happens between the forgery and the codec."""
    covered, alpha = cover(rgb, landmarks, rng)
    return processing(covered, landmarks, rng).round().astype(np.uint8), changed * (1 - alpha), kind


def _jittered(side: int, face_px: float, recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the alignment of a face in the middle of a tile whose box is a little off, as a tracker's is."""
    x, y = side / 2 + rng.normal(0.0, 0.03, 2) * face_px
    length = face_px * float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    return crop_matrix(Box(x - length / 2, y - length / 2, length, length), size=recipe.size, margin=recipe.margin)
