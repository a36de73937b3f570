"""Faces sent through a call: laid out in one moving picture, compressed, partly lost, and received."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.training.codec import last_received, random_setting
from stream_guard.training.packet_loss import random_loss

__all__ = ["send"]

_BLOCK = 16  # side of a macroblock, of VP8 and of H.264
_LOSS_SHARE, _JPEG_SHARE, _GRAIN_SHARE = 0.3, 0.12, 0.3
_LENGTHS = {1: 0.05, 2: 0.5, 3: 0.3, 4: 0.09, 5: 0.03, 6: 0.03}
"""How often a sequence has so many frames: each costs an encoding, and a loss needs two or three."""


def send(tiles: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Send tiles through a call and return what the other side sees.

    One encoder takes all of them, which is what makes it cheap. Neighbours in the list (a real face and its
    forged twin) suffer alike: they move together, lie side by side in random order, so that a lost slice takes
    both, and both begin at a corner of a macroblock, so that their blocks fall on the same parts of the face.

    Args:
        tiles: uint8, shape (side, side, 3), RGB, all alike; an even side of at least 32.
        rng: source of randomness.

    Returns:
        uint8, shape (side', side', 3), in the same order; side' differs where the call scaled the picture. They
        may be a few pixels off where frames were lost.
    """
    side = tiles[0].shape[0]
    if rng.random() < 0.4:
        side = max(min(64, side), 2 * round(side * rng.uniform(0.55, 1.0) / 2))
        tiles = [cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA) for tile in tiles]
    length = int(rng.choice(list(_LENGTHS), p=list(_LENGTHS.values())))
    corners, size = _gallery(len(tiles), side, rng)
    sequence = _sequence(tiles, corners, size, length, rng)
    if rng.random() < _JPEG_SHARE:  # a camera driver that hands over JPEG, after whatever forged the picture
        sequence = [_jpeg(frame, quality) for quality in [int(rng.integers(50, 96))] for frame in sequence]
    setting = random_setting(rng)
    slices = setting.slices if setting.name == "libx264" else 0
    loss = random_loss(length, rng, slices=slices) if rng.random() < _LOSS_SHARE else None
    picture = last_received(sequence, setting, loss)
    received = [picture[top : top + side, left : left + side] for left, top in corners]
    if rng.random() < 0.15:  # a viewer's window that is larger than the picture sent
        larger = 2 * round(side * rng.uniform(1.0, 1.5) / 2)
        kernel = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        return [cv2.resize(tile, (larger, larger), interpolation=kernel) for tile in received]
    return [np.ascontiguousarray(tile) for tile in received]


def _gallery(count: int, side: int, rng: np.random.Generator) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return each tile's left and top, and the picture's width and height: whole macroblocks."""
    cell = -(-side // _BLOCK) * _BLOCK
    pairs = -(-count // 2)
    columns = max(1, round((pairs / 2) ** 0.5))  # of pairs: as high as it is wide
    # The picture's grid of blocks must not always lie alike over a face, only alike over twins.
    left, top = (int(value) for value in rng.integers(0, _BLOCK // 2, 2) * 2)
    places = rng.permutation(pairs)
    swapped = rng.random(pairs) < 0.5
    corners = []
    for number in range(count):
        row, column = divmod(int(places[number // 2]), columns)
        place = 2 * column + (number % 2 ^ int(swapped[number // 2]))
        corners.append((left + cell * place, top + cell * row))
    return corners, (_BLOCK + 2 * columns * cell, _BLOCK + -(-pairs // columns) * cell)


def _sequence(
    tiles: Sequence[NDArray[np.uint8]],
    corners: list[tuple[int, int]],
    size: tuple[int, int],
    length: int,
    rng: np.random.Generator,
) -> list[NDArray[np.uint8]]:
    """Return the frames, oldest first; each pair of tiles drifts its own way and ends in its place."""
    side = tiles[0].shape[0]
    middle = (side - 1) / 2
    speed = side * rng.choice([0.001, 0.004, 0.01])
    drift = np.cumsum(rng.normal(0.0, speed, (length, -(-len(tiles) // 2), 2)), axis=0)
    grain = _grain(side, rng) if rng.random() < _GRAIN_SHARE else None
    sequence = []
    for ago in reversed(range(length)):
        frame = np.full((size[1], size[0], 3), 60, np.uint8)
        for number, (tile, (left, top)) in enumerate(zip(tiles, corners, strict=True)):
            x, y = (0.0, 0.0) if ago == 0 else drift[ago, number // 2]
            if ago:
                tile = cv2.getRectSubPix(tile, (side, side), (middle + x, middle + y))
            frame[top : top + side, left : left + side] = tile
        if grain is not None:
            # The camera's noise: new with each frame, unlike what is in the tiles and moves with them. The same
            # over all tiles, hence over twins.
            shifted = np.roll(grain, tuple(int(v) for v in rng.integers(0, 64, 2)), axis=(0, 1))
            for left, top in corners:
                where = frame[top : top + side, left : left + side]
                np.clip(where + shifted, 0, 255, out=where, casting="unsafe")
        sequence.append(frame)
    return sequence


def _grain(side: int, rng: np.random.Generator) -> NDArray[np.int16]:
    strength = rng.uniform(0.5, 2.5)
    return (rng.standard_normal((side, side, 1), np.float32) * np.float32(strength)).round().astype(np.int16)


def _jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]
