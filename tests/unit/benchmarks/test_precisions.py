"""The AUC that a precision loses, and its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.precisions import auc_loss
from stream_guard.evaluation.accuracy import auc
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore

pytestmark = pytest.mark.unit


def scored(real: list[float], fake: list[float]) -> list[ClipScore]:
    return [
        ClipScore(Clip(Path(f"{label}{number}.mp4"), label, label), (value,))  # type: ignore[arg-type]
        for label, values in (("real", real), ("fake", fake))
        for number, value in enumerate(values)
    ]


def test_it_is_the_difference_of_the_two_areas() -> None:
    base, other = scored([0, 1, 2], [1.5, 3, 4]), scored([0, 1, 2], [0.5, 3, 4])
    loss = auc_loss(base, other, "all", rounds=50)
    assert loss.value == pytest.approx(8 / 9 - 7 / 9)
    assert loss.low <= loss.value <= loss.high


def test_the_same_clips_are_drawn_for_both_so_equal_ranks_lose_nothing_at_all() -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, 20), rng.normal(1, 1, 20)
    assert auc(real, fake) < 1
    moved = scored((real * 2 + 3).tolist(), (fake * 2 + 3).tolist())
    loss = auc_loss(scored(real.tolist(), fake.tolist()), moved, "all", rounds=200)
    assert (loss.value, loss.low, loss.high) == (0, 0, 0)


def test_a_gain_is_a_negative_loss() -> None:
    assert auc_loss(scored([0, 2], [1, 3]), scored([0, 1], [2, 3]), "fake", rounds=50).value == pytest.approx(-0.25)
