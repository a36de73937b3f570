from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluation.call import freezes

pytestmark = pytest.mark.unit


def test_a_steady_picture_has_no_freeze():
    assert freezes(np.arange(100) / 30) == (0, 0.0)
    assert freezes([]) == (0, 0.0)
    assert freezes([1.0, 9.0]) == (0, 0.0), "one gap has nothing to be longer than"


@pytest.mark.parametrize(("fps", "pause_s", "is_freeze"), [(30, 0.19, True), (30, 0.17, False), (10, 0.29, False)])
def test_a_freeze_is_long_against_the_usual_gap_and_in_milliseconds(fps, pause_s, is_freeze):
    before = np.arange(20) / fps
    count, frozen_s = freezes(np.concatenate([before, before[-1] + pause_s + before]))
    assert count == is_freeze
    assert frozen_s == pytest.approx(pause_s if is_freeze else 0)


def test_only_the_last_thirty_gaps_are_usual():
    slow, fast = np.arange(10) * 1.0, 9 + np.arange(1, 60) / 30
    assert freezes(np.concatenate([slow, fast, [fast[-1] + 0.3]]))[0] == 1
