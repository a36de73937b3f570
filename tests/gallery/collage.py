"""Pictures of calls: clips or faces in tiles, and which tile a box lies in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box

Picture = NDArray[np.uint8]

GROUND = 32
"""Grey level between the tiles, as call programs have it."""


class Grid:
    """A gallery of n by n tiles."""

    def __init__(self, n: int, width: int, height: int) -> None:
        self.n, self.width, self.height = n, width, height
        self.tile = width // n, height // n

    @property
    def count(self) -> int:
        return self.n * self.n

    def draw(self, pictures: Sequence[Picture | None]) -> Picture:
        """Draw one picture a tile, scaled to fit; None leaves the tile empty."""
        canvas = np.full((self.height, self.width, 3), GROUND, np.uint8)
        for index, picture in enumerate(pictures):
            if picture is not None:
                fitted = fit(picture, self.tile)
                x, y = self.corner(index, fitted)
                canvas[y : y + fitted.shape[0], x : x + fitted.shape[1]] = fitted
        return canvas

    def corner(self, index: int, picture: Picture) -> tuple[int, int]:
        """Return where a tile's picture, scaled to fit, has its left top corner."""
        height, width = fit(picture, self.tile).shape[:2]
        return (
            index % self.n * self.tile[0] + (self.tile[0] - width) // 2,
            index // self.n * self.tile[1] + (self.tile[1] - height) // 2,
        )

    def tile_of(self, box: Box) -> int:
        """Return the tile in which a box has its middle."""
        x, y = box.centre
        return int(y // self.tile[1]) * self.n + int(x // self.tile[0])


def fit(picture: Picture, tile: tuple[int, int]) -> Picture:
    """Scale a picture to fit a tile."""
    scale = min(tile[0] / picture.shape[1], tile[1] / picture.shape[0])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def read_clip(path: Path, tile: tuple[int, int], *, fps: float, seconds: float) -> list[Picture]:
    """Read the beginning of a clip at a lower rate, scaled to fit a tile."""
    reader = cv2.VideoCapture(str(path))
    pictures: list[Picture] = []
    index = 0
    while len(pictures) < fps * seconds and reader.grab():
        if index >= len(pictures) * reader.get(cv2.CAP_PROP_FPS) / fps:
            bgr = reader.retrieve()[1]
            pictures.append(fit(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), tile))
        index += 1
    reader.release()
    return pictures


def back_and_forth(pictures: Sequence[Picture], start: int, count: int) -> list[Picture]:
    """Play a clip to its end, back, and again, so that its loop is no cut."""
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    return list(islice(cycle(there_and_back), start, start + count))
