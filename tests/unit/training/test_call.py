from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream_guard.training.call import send
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit


@pytest.fixture
def tile(face: PreparedFace) -> np.ndarray:
    return cv2.resize(face.rgb, (96, 96), interpolation=cv2.INTER_AREA)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_whatever_happens_every_tile_comes_back_as_a_picture_of_the_face(first, tile):
    for seed in range(first, first + 50):
        received = send([tile] * 4, np.random.default_rng(seed))
        side = received[0].shape[0]
        assert [(part.shape, part.dtype) for part in received] == [((side, side, 3), np.uint8)] * 4
        assert 48 <= side <= 144
        middles = [cv2.resize(part, (12, 12), interpolation=cv2.INTER_AREA) for part in (received[0], tile)]
        assert error(*middles) < 45, seed  # recognisable: nothing green, nothing of a neighbour


def test_twins_suffer_alike(tile):
    """Apart from codec noise: less than half of what was done to both."""
    apart, suffered = [], []
    for seed in range(40):
        received = send([tile] * 8, np.random.default_rng(seed))
        side = received[0].shape[0]
        sent = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)
        apart += [error(received[i], received[i + 1]) for i in range(0, 8, 2)]
        suffered += [error(received[i], sent) for i in range(8)]
    assert np.mean(apart) < np.mean(suffered) / 2
    assert np.percentile(apart, 95) < np.percentile(suffered, 95)


def test_neither_of_the_twins_is_favoured(tile):
    ahead = []
    for seed in range(60):
        received = send([tile] * 4, np.random.default_rng(seed))
        side = received[0].shape[0]
        sent = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)
        errors = [error(part, sent) for part in received]
        ahead += [errors[0] < errors[1], errors[2] < errors[3]]
    assert 0.35 < np.mean(ahead) < 0.65


def test_the_tiles_keep_their_order_and_odd_numbers_pass(tile):
    tiles = [np.clip(tile.astype(int) // 4 + 40 * number, 0, 255).astype(np.uint8) for number in range(5)]
    for seed in range(10):
        brightness = [part.mean() for part in send(tiles, np.random.default_rng(seed))]
        assert brightness == sorted(brightness)


def test_tiles_of_any_size_pass(tile):
    """Also those larger than any face of the default recipe, with the camera's noise over them."""
    large = cv2.resize(tile, (560, 560))
    for seed in range(8):
        assert len(send([large, large], np.random.default_rng(seed))) == 2


def test_the_generator_decides_everything(tile):
    once, again, other = (send([tile] * 4, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert other[0].shape != once[0].shape or error(other[0], once[0]) > 0
