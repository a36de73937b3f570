from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training.warping import KEYPOINTS, extent, warp

pytestmark = pytest.mark.unit


def test_the_key_points_are_landmarks_named_once():
    assert len(set(KEYPOINTS)) == len(KEYPOINTS)
    assert max(KEYPOINTS) < 478


def test_a_warp_carries_points_to_their_places():
    there = np.float32([[20, 20], [80, 20], [20, 80], [80, 80], [50, 50]])
    here = there * 0.5 + np.float32([30, 10])
    here[4] += (6, 0)
    source = np.zeros((100, 100, 3), np.float32)
    for x, y in there.astype(int):
        source[y - 2 : y + 3, x - 2 : x + 3] = 255
    drawn = warp(source, there, here, (slice(5, 95), slice(10, 90)))
    assert drawn.shape == (90, 80, 3)
    for x, y in here.astype(int):
        assert drawn[y - 5, x - 10, 0] > 150
    assert drawn[40 - 5, 47 - 10, 0] < 150  # the middle point left the middle


def test_the_extent_holds_all_of_a_mask():
    mask = np.zeros((20, 30), np.float32)
    mask[3:7, 11:29] = 0.1
    assert extent(mask) == (slice(3, 7), slice(11, 29))
    assert extent(np.zeros((4, 4), np.float32)) == (slice(0, 0), slice(0, 0))
