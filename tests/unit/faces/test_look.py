from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut

from stream_guard.face import Box
from stream_guard.faces.look import alike, look_at

pytestmark = pytest.mark.unit

FACE = Box(179, 69, 93, 109)


def test_a_face_is_like_itself_a_moment_later() -> None:
    picture = astronaut()
    now = look_at(picture, FACE)
    assert now.shape == (12, 12, 3)
    assert alike(now, look_at(picture, Box(184, 65, 96, 111)))
    assert alike(now, look_at(np.clip(picture * 0.6, 0, 255).astype(np.uint8), FACE))
    assert alike(now, look_at(np.clip(picture * 1.5, 0, 255).astype(np.uint8), FACE))


def test_another_picture_is_not_alike() -> None:
    picture = astronaut()
    now = look_at(picture, FACE)
    for elsewhere in (Box(20, 300, 93, 109), Box(380, 100, 93, 109), Box(200, 330, 93, 109)):
        assert not alike(now, look_at(picture, elsewhere))
    assert not alike(now, look_at(255 - picture, FACE))


def test_a_difference_means_less_the_longer_ago_the_last_look_was() -> None:
    now = look_at(astronaut(), FACE)
    turned = now + np.linspace(-85, 85, 12, dtype=np.float32)[None, :, None]
    assert not alike(now, turned)
    assert alike(now, turned, 1.0)
    assert not alike(now, look_at(astronaut(), Box(20, 300, 93, 109)), 30.0)


def test_black_is_like_black_and_nothing_divides_by_it() -> None:
    black = np.zeros((12, 12, 3), np.float32)
    assert alike(black, black)
    assert not alike(look_at(astronaut(), FACE), black)
