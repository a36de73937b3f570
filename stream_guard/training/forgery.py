"""Which forgery a real face is given: one kind at random, in the shares that the recipe names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from stream_guard.errors import ConfigError
from stream_guard.training.blending import self_blend
from stream_guard.training.mesh_swap import compatible, swap
from stream_guard.training.pasting import paste
from stream_guard.training.reconstruction import Reconstructions
from stream_guard.training.reenactment import reenact
from stream_guard.training.resynthesis import resynthesise
from stream_guard.training.shard import PreparedFace, Shard

__all__ = ["KINDS", "Forger", "Mix", "Seen"]

_DONORS, _FITTING = 64, 6
"""Among so many faces those turned most alike are looked for; of these the one most alike in colour is taken."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the kinds of forgery; they are divided by their sum."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    self_blended: float = 0.25
    low_resolution: float = 0.20
    reconstructed: float = 0.35
    mesh_swapped: float = 0.10
    reenacted: float = 0.10

    def __post_init__(self) -> None:
        shares = list(asdict(self).values())
        if min(shares) < 0 or sum(shares) <= 0:
            raise ConfigError("the shares of the forgeries must not be negative, nor all zero")


KINDS = ("real", *Mix.__dataclass_fields__)
"""What a sample can be; its place here is its number."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A real face as the camera sees it.

    Attributes:
        rgb: float32, shape (side, side, 3), 0 to 255.
        landmarks: float32, shape (478, 2), pixels of `rgb`.
        position: of the face in the shard.
        placed: float64, shape (2, 3): from the stored picture's pixels to those of `rgb`; may mirror.
    """

    rgb: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    position: int
    placed: NDArray[np.float64]


class Forger:
    """Forges faces of one shard."""

    def __init__(
        self, shard: Shard, positions: NDArray[np.int64], mix: Mix, reconstructions: Reconstructions | None
    ) -> None:
        """Take what the forgeries are made from.

        Args:
            shard: the faces.
            positions: those that may lend their face to a mesh swap.
            mix: shares of the kinds.
            reconstructions: the same faces drawn anew; needed where the mix asks for them.

        Raises:
            ConfigError: the mix asks for reconstructions, and there are none.
        """
        if mix.reconstructed > 0 and reconstructions is None:
            raise ConfigError("the recipe asks for reconstructed faces, and none have been drawn")
        self._shard, self._positions, self._reconstructions = shard, positions, reconstructions
        shares = np.array(list(asdict(mix).values()))
        self._shares = shares / shares.sum()

    def choose(self, rng: np.random.Generator) -> int:
        """Return a kind of forgery, a place in `KINDS`."""
        return 1 + int(rng.choice(len(self._shares), p=self._shares))

    def forge(
        self, kind: int, seen: Seen, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Forge a face.

        Returns:
            The real twin (``seen.rgb``; of a self-blended face perhaps all of it transformed), the forged one, like
            it, and where they differ: float32 (side, side), 0 to 1.
        """
        if KINDS[kind] == "self_blended":
            return self_blend(seen.rgb, seen.landmarks, rng)
        return seen.rgb, *self._changed(KINDS[kind], seen, rng)

    def _changed(
        self, name: str, seen: Seen, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if name == "low_resolution":
            return resynthesise(seen.rgb, seen.landmarks, rng)
        if name == "reconstructed":
            return self._reconstructed(seen, rng)
        if name == "mesh_swapped":
            return self._swapped(seen, rng)
        return reenact(seen.rgb, seen.landmarks, rng, expression=self._expression(seen, rng))

    def _reconstructed(
        self, seen: Seen, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert self._reconstructions is not None
        drawn, matrix = self._reconstructions.drawn(seen.position, int(rng.integers(self._reconstructions.kinds)))
        return paste(seen.rgb, seen.landmarks, drawn, _after(seen.placed, _inverse(matrix)), rng)

    def _swapped(self, seen: Seen, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        donors = rng.choice(self._positions, _DONORS)
        donors = donors[donors != seen.position]
        # A landmark's number says which side of the face it is on: a mirrored face takes mirrored donors.
        mirrored = float(np.linalg.det(seen.placed[:, :2])) < 0
        faces = [_mirrored(self._shard[int(i)]) if mirrored else self._shard[int(i)] for i in donors]
        alike = compatible(seen.landmarks, np.stack([face.landmarks for face in faces]))
        fitting = [faces[int(i)] for i in np.argsort(alike)[:_FITTING]]
        colour = _colour(seen.rgb, seen.landmarks)
        donor = min(fitting, key=lambda face: float(np.abs(_colour(face.rgb, face.landmarks) - colour).sum()))
        return swap(seen.rgb, seen.landmarks, donor.rgb.astype(np.float32), donor.landmarks, rng)

    def _expression(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.float32] | None:
        """Return somebody's landmarks, or None: then the expression is made up."""
        if rng.random() < 0.5:
            return None
        face = self._shard[int(rng.choice(self._positions))]
        return _mirrored(face).landmarks if float(np.linalg.det(seen.placed[:, :2])) < 0 else face.landmarks


def _colour(rgb: NDArray[Any], landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean colour around the middle of a face."""
    x, y = landmarks.mean(axis=0).astype(int)
    reach = max(4, int(np.ptp(landmarks, axis=0).min() / 4))
    return np.asarray(rgb[max(0, y - reach) : y + reach : 2, max(0, x - reach) : x + reach : 2].mean(axis=(0, 1)))


def _mirrored(face: PreparedFace) -> PreparedFace:
    landmarks = face.landmarks * np.array([-1, 1], np.float32) + np.array([face.rgb.shape[1] - 1, 0], np.float32)
    return PreparedFace(face.rgb[:, ::-1], landmarks)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]


def _after(second: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine that does one after the other."""
    return np.asarray(second @ np.vstack([first, [0.0, 0.0, 1.0]]), np.float64)
