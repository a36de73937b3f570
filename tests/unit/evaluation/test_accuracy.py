from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluation.accuracy import auc, bootstrap, equal_error_rate, hit_rate

pytestmark = pytest.mark.unit


def array(*values: float) -> np.ndarray:
    return np.array(values, float)


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        (array(0, 1), array(2, 3), 1.0),
        (array(2, 3), array(0, 1), 0.0),
        (array(1, 1), array(1, 1), 0.5),
        (array(0, 2), array(1, 3), 0.75),
        (array(0, 1, 2), array(1,), 0.5),
    ],
)  # fmt: skip
def test_auc_counts_pairs(real, fake, expected):
    assert auc(real, fake) == expected
    assert auc(fake, real) == pytest.approx(1 - expected)


def test_equal_error_rate_of_known_overlap():
    assert equal_error_rate(array(0, 1), array(2, 3)) == 0
    assert equal_error_rate(array(0, 1, 2, 9), array(0.5, 8, 10, 11)) == 0.25


def test_hit_rate_never_spends_more_than_the_false_alarms_allowed():
    real = np.arange(100.0)
    assert hit_rate(real, array(98.5, 99.5), false_alarm_rate=0.01) == 1.0
    assert hit_rate(real, array(97.5, 99.5), false_alarm_rate=0.01) == 0.5
    assert hit_rate(real[:10], array(8.5, 9.5), false_alarm_rate=0.01) == 0.5


def test_bootstrap_covers_the_truth_and_narrows_with_data():
    rng = np.random.default_rng(0)
    few = bootstrap(rng.normal(0, 1, 15), rng.normal(1, 1, 15), auc, rounds=300)
    many = bootstrap(rng.normal(0, 1, 600), rng.normal(1, 1, 600), auc, rounds=300)
    truth = 0.7602  # of two unit normals one apart
    assert few.low <= few.value <= few.high
    assert many.low <= truth <= many.high
    assert many.high - many.low < (few.high - few.low) / 3
