"""From logits to log-likelihood ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import ModelError
from stream_guard.models.calibration import Calibrator
from stream_guard.models.manifest import Calibration, Threshold

pytestmark = pytest.mark.unit

THRESHOLDS = [
    Threshold(false_alarm_rate=rate, logit=logit) for rate, logit in [(0.01, 2.0), (0.001, 4.0), (0.1, 1.0)]
]


def test_the_bias_comes_off_first_then_the_temperature_divides() -> None:
    ratios = Calibrator(Calibration(temperature=2.0, bias=1.0)).llr(np.array([1.0, 3.0, -3.0], dtype=np.float32))
    np.testing.assert_array_equal(ratios, np.array([0.0, 1.0, -2.0], dtype=np.float32))
    assert ratios.dtype == np.float32


def test_the_logits_are_left_as_they_were() -> None:
    logits = np.array([1.0, 2.0], dtype=np.float32)
    Calibrator(Calibration(temperature=3.0, bias=0.5)).llr(logits)
    np.testing.assert_array_equal(logits, [1.0, 2.0])


def test_a_patch_map_and_no_face_at_all_work_too() -> None:
    calibrator = Calibrator(Calibration())
    assert calibrator.llr(np.zeros((2, 5, 5), dtype=np.float32)).shape == (2, 5, 5)
    assert calibrator.llr(np.zeros(0, dtype=np.float32)).shape == (0,)


@given(
    temperature=st.floats(0.05, 50),
    bias=st.floats(-20, 20),
    logits=st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20),
)
def test_never_changes_the_order_of_faces(temperature: float, bias: float, logits: list[float]) -> None:
    given_logits = np.array(logits, dtype=np.float32)
    ratios = Calibrator(Calibration(temperature=temperature, bias=bias)).llr(given_logits)
    order = np.argsort(given_logits, kind="stable")
    assert (np.diff(ratios[order]) >= 0).all()
    assert np.isfinite(ratios).all()


@pytest.mark.parametrize(
    ("asked", "rate"), [(0.1, 0.1), (0.5, 0.1), (0.05, 0.01), (0.01, 0.01), (0.005, 0.001), (0.001, 0.001)]
)
def test_a_threshold_keeps_at_least_the_promise_asked_for(asked: float, rate: float) -> None:
    assert Calibrator(Calibration(), THRESHOLDS).threshold(asked).false_alarm_rate == rate


def test_a_promise_that_was_never_measured_is_not_made() -> None:
    with pytest.raises(ModelError, match=r"measured are: 0\.001, 0\.01, 0\.1"):
        Calibrator(Calibration(), THRESHOLDS).threshold(math.nextafter(0.001, 0))
    with pytest.raises(ModelError, match="measured are: none"):
        Calibrator(Calibration()).threshold(0.01)
