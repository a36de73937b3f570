from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.reliability import reliability

pytestmark = pytest.mark.unit


def two_normals(count: int, *, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihood ratios that are right at scale 1: normals of mean -2 and 2 and variance 4."""
    rng = np.random.default_rng(0)
    return scale * rng.normal(-2, 2, count), scale * rng.normal(2, 2, 2 * count)


def test_right_ratios_lie_on_the_diagonal_whatever_the_classes_weigh() -> None:
    found = reliability(*two_normals(20_000))
    assert found.ece < 0.01
    assert all(one.low <= one.high for one in found.bins)
    assert sum(one.low - 0.01 <= one.predicted <= one.high + 0.01 for one in found.bins) >= 9
    assert sum(one.count for one in found.bins) == 60_000


def test_exaggerated_ratios_are_found_out() -> None:
    right, loud = reliability(*two_normals(5000)), reliability(*two_normals(5000, scale=4))
    assert loud.ece > right.ece + 0.05
    assert loud.brier > right.brier
    assert loud.log_loss > right.log_loss


def test_a_model_that_knows_nothing_says_so() -> None:
    found = reliability(np.zeros(50), np.zeros(70))
    assert (found.ece, found.brier) == pytest.approx((0, 0.25))
    assert found.log_loss == pytest.approx(np.log(2))
    assert [(one.predicted, one.observed) for one in found.bins] == [pytest.approx((0.5, 0.5))]


def test_frames_that_tell_the_same_widen_the_interval() -> None:
    real, fake = two_normals(500)
    alone, alike = reliability(real, fake).bins[5], reliability(real, fake, frames_in_a_look=10).bins[5]
    assert alike.high - alike.low > 1.5 * (alone.high - alone.low)
    assert alike.observed == alone.observed


def test_both_classes_are_needed() -> None:
    with pytest.raises(ConfigError, match="both real and fake"):
        reliability(np.zeros(3), np.zeros(0))
