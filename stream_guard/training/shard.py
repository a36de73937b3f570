"""Prepared faces on disk: raw pixels in one file that is mapped, not read, and an index beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError

__all__ = ["PreparedFace", "Shard", "ShardWriter", "held_out"]

_PIXELS, _INDEX = "pixels.bin", "index.npz"


@dataclass(frozen=True, slots=True)
class PreparedFace:
    """One real face with the picture around it.

    Attributes:
        rgb: uint8, shape (height, width, 3): the face and what surrounds it, at the picture's own resolution.
        landmarks: float32, shape (478, 2), pixels of `rgb`.
    """

    rgb: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


def held_out(person: str, *, share: float = 0.1) -> bool:
    """Say whether a person is kept away from training. Depends on the name alone, so every run agrees."""
    digest = hashlib.sha256(person.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


class ShardWriter:
    """Writes faces one by one; a context manager. Without a normal end there is no index, hence no shard."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / _INDEX).unlink(missing_ok=True)
        self._pixels = (folder / _PIXELS).open("wb")
        self._offset = 0
        self._rows: list[tuple[int, int, int]] = []
        self._landmarks: list[NDArray[np.float32]] = []
        self._names: list[tuple[str, str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self._pixels.close()
        if kind is None:
            sets, persons, files = zip(*self._names, strict=True) if self._names else ((), (), ())
            np.savez(
                self._folder / _INDEX,
                rows=np.array(self._rows, np.int64).reshape(-1, 3),
                landmarks=np.array(self._landmarks, np.float32).reshape(-1, 478, 2),
                sets=np.array(sets, str),
                persons=np.array(persons, str),
                files=np.array(files, str),
            )

    def add(self, face: PreparedFace, *, source: str, person: str, file: str) -> None:
        """Append one face; `source` names the set it is from."""
        self._pixels.write(np.ascontiguousarray(face.rgb).data)
        self._rows.append((self._offset, *face.rgb.shape[:2]))
        self._offset += face.rgb.size
        self._landmarks.append(face.landmarks)
        self._names.append((source, person, file))


class Shard:
    """Reads what `ShardWriter` wrote. Opening it again in another process costs nothing."""

    def __init__(self, folder: Path) -> None:
        """Open a shard.

        Raises:
            ConfigError: the folder holds no finished shard.
        """
        try:
            with np.load(folder / _INDEX) as index:
                self._rows = index["rows"]
                self._landmarks = index["landmarks"]
                self.sets, self.persons, self.files = index["sets"], index["persons"], index["files"]
            self._pixels = np.memmap(folder / _PIXELS, np.uint8, "r")
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{folder} holds no finished preparation: prepare the faces again") from error

    @staticmethod
    def exists(folder: Path) -> bool:
        """Say whether the folder holds a finished shard."""
        return (folder / _INDEX).is_file()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> PreparedFace:
        offset, height, width = (int(value) for value in self._rows[position])
        rgb = np.asarray(self._pixels[offset : offset + height * width * 3]).reshape(height, width, 3)
        return PreparedFace(rgb, self._landmarks[position])

    def digest(self) -> str:
        """Return the sha256 of the sorted list of files, so that a model can name its data."""
        return hashlib.sha256("\n".join(sorted(self.files)).encode()).hexdigest()

    def split(self) -> tuple[list[int], list[int]]:
        """Return the positions for training and those held out, by person."""
        kept = [held_out(person) for person in self.persons]
        return [i for i, out in enumerate(kept) if not out], [i for i, out in enumerate(kept) if out]
