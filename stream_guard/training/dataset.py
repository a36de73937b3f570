"""Training samples: each real face beside a forged twin, both as the same call would show them.

Faces come in groups of equal size that pass the codec together, laid out like a gallery: one encoder for many
faces is what makes this cheap enough to be done anew for every sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.training.augment import camera, processing
from stream_guard.training.blending import self_blend
from stream_guard.training.codec import compress, random_setting
from stream_guard.training.resynthesis import resynthesise
from stream_guard.training.shard import PreparedFace, Shard

__all__ = ["Recipe", "Samples", "Twins", "join"]

_CAMERA_MARGIN = 1.3
"""The camera's view over the model's crop: room for the jitter of the box."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How samples are made.

    Attributes:
        size: side of the model's input in pixels.
        margin: crop margin, as in the manifest.
        grid: side of the patch map.
        decoder_share: how many of the forged twins are decoder-like; the others are self-blended.
        codec_share: how many groups pass a codec.
        faces: people in a group; the group has twice as many samples. A square number over two.
        face_px: smallest and largest face in the camera's picture.
    """

    size: int = 176
    margin: float = 1.4
    grid: int = 11
    decoder_share: float = 0.5
    codec_share: float = 0.6
    faces: int = 8
    face_px: tuple[float, float] = (72.0, 230.0)


@dataclass(frozen=True, slots=True)
class Samples:
    """A group of samples, real and forged in turn.

    Attributes:
        faces: uint8, shape (n, size, size, 3), RGB.
        labels: float32, shape (n,): 1 for forged.
        masks: float32, shape (n, grid, grid): how much of each patch was changed.
    """

    faces: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor


def join(groups: list[Samples]) -> Samples:
    """Make one batch of several groups."""
    return Samples(
        torch.cat([group.faces for group in groups]),
        torch.cat([group.labels for group in groups]),
        torch.cat([group.masks for group in groups]),
    )


class Twins(IterableDataset[Samples]):
    """An endless, seeded stream of groups; each worker has its own."""

    def __init__(self, shard: Path, positions: list[int], recipe: Recipe, *, seed: int) -> None:
        """Take the faces at these positions of the shard in this folder."""
        self._folder, self._recipe, self._seed = shard, recipe, seed
        self._positions = np.array(positions)

    def __iter__(self) -> Iterator[Samples]:
        worker = get_worker_info()
        rng = np.random.default_rng((self._seed, worker.id if worker else 0))
        shard = Shard(self._folder)
        native = np.array([max(np.ptp(shard[i].landmarks, axis=0)) for i in self._positions])
        low, high = self._recipe.face_px
        while True:
            face_px = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            # Enlarging a picture makes it soft, like a poor webcam: allowed, but not by much.
            large_enough = self._positions[native * 1.3 >= face_px]
            chosen = rng.choice(large_enough if len(large_enough) else self._positions, self._recipe.faces)
            yield self._group([shard[int(i)] for i in chosen], face_px, rng)

    def _group(self, faces: list[PreparedFace], face_px: float, rng: np.random.Generator) -> Samples:
        tiles, masks = [], []
        for face in faces:
            for tile, mask in self._twins(face, face_px, rng):
                tiles.append(tile)
                masks.append(mask)
        sent = _send(tiles, rng) if rng.random() < self._recipe.codec_share else tiles
        recipe, scale = self._recipe, sent[0].shape[0] / tiles[0].shape[0]
        crops, changed = [], []
        for number, (tile, mask) in enumerate(zip(sent, masks, strict=True)):
            if number % 2 == 0:  # twins share the jitter of the box
                matrix = _jittered(tile.shape[0], face_px * scale, recipe, rng)
            crops.append(cut(tile, matrix, size=recipe.size))
            small = cv2.resize(mask, tile.shape[:2], interpolation=cv2.INTER_AREA)
            placed = cv2.warpAffine(small, matrix, (recipe.size, recipe.size))
            changed.append(cv2.resize(placed, (recipe.grid, recipe.grid), interpolation=cv2.INTER_AREA))
        labels = np.tile(np.array([0, 1], np.float32), len(faces))
        return Samples(
            torch.from_numpy(np.stack(crops)), torch.from_numpy(labels), torch.from_numpy(np.stack(changed))
        )

    def _twins(
        self, face: PreparedFace, face_px: float, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """Return the real tile and the forged one, each with the mask of what was changed."""
        side = 2 * round(face_px * self._recipe.margin * _CAMERA_MARGIN / 2)
        box = landmark_box(face.landmarks)
        matrix = crop_matrix(box, size=side, margin=side / face_px)
        seen = cut(face.rgb, matrix, size=side)
        landmarks = (face.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        if rng.random() < 0.5:
            seen = np.ascontiguousarray(seen[:, ::-1])
            landmarks[:, 0] = side - 1 - landmarks[:, 0]
        real = camera(seen.astype(np.float32), rng)
        forge = resynthesise if rng.random() < self._recipe.decoder_share else self_blend
        forged, mask = forge(real, landmarks, rng)
        filters = int(rng.integers(2**31))
        pair = [(real, np.zeros_like(mask)), (forged, mask)]
        return [
            (processing(picture, np.random.default_rng(filters)).round().astype(np.uint8), where)
            for picture, where in pair
        ]


def _send(tiles: list[NDArray[np.uint8]], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Send square tiles through a call: shrink, move a little, encode, decode."""
    side = tiles[0].shape[0]
    if rng.random() < 0.4:
        side = max(64, 2 * round(side * rng.uniform(0.6, 1.0) / 2))
        tiles = [cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA) for tile in tiles]
    # Real and forged are dealt to random places, so that no place in the picture tells them apart.
    places = rng.permutation(len(tiles))
    columns = int(np.sqrt(len(tiles)))
    gallery = np.zeros((side * (len(tiles) // columns), side * columns, 3), np.uint8)
    for tile, place in zip(tiles, places, strict=True):
        top, left = side * (int(place) // columns), side * (int(place) % columns)
        gallery[top : top + side, left : left + side] = tile
    moved = np.roll(gallery, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), axis=(0, 1))
    sequence = [moved, gallery] if rng.random() < 0.7 else [gallery]
    received = compress(sequence, random_setting(rng))[-1]
    return [
        received[
            side * (int(place) // columns) : side * (int(place) // columns + 1),
            side * (int(place) % columns) : side * (int(place) % columns + 1),
        ]
        for place in places
    ]


def _jittered(side: int, face_px: float, recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the alignment of a face in the middle of a tile whose box is a little off, as a tracker's is."""
    x, y = side / 2 + rng.normal(0.0, 0.03, 2) * face_px
    length = face_px * float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    return crop_matrix(Box(x - length / 2, y - length / 2, length, length), size=recipe.size, margin=recipe.margin)
