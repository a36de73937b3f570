"""From logits to log-likelihood ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import ModelError
from stream_guard.models import store
from stream_guard.models.calibration import Calibrator, alarm_rate, track_settings
from stream_guard.models.manifest import AlarmRate, Calibration, Independence, Manifest, Threshold
from stream_guard.scoring.smoothing import SmoothingSettings
from stream_guard.scoring.track import TrackSettings
from stream_guard.testing.engines import make_manifest

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


def worked_out() -> Manifest:
    alarms = tuple(
        AlarmRate(per_hour=per_hour, rise=rise, low=rise - 0.5, high=rise + 0.5, hours=10, how="by hand")
        for per_hour, rise in [(6, 0.4), (1, 1.25), (0.2, 2.5)]
    )
    independence = Independence(
        correlation_s=0.3, low=0.2, high=0.4, within=0.5, between=1, measured_on="two clips"
    )
    return make_manifest().model_copy(update={"alarms": alarms, "independence": independence})


@pytest.mark.parametrize(("asked", "rise"), [(6, 0.4), (60, 0.4), (5.9, 1.25), (1, 1.25), (0.2, 2.5)])
def test_the_alarm_is_the_mildest_that_keeps_the_rate(asked: float, rise: float) -> None:
    assert track_settings(worked_out(), false_alarms_per_hour=asked).verdict.rise == rise


def test_one_alarm_an_hour_is_what_holds_where_nothing_is_asked() -> None:
    assert track_settings(worked_out()).verdict.rise == 1.25


def test_a_rate_that_was_never_worked_out_is_not_promised() -> None:
    with pytest.raises(ModelError, match=r"0\.1 false alarms an hour; worked out are: 6, 1, 0\.2"):
        track_settings(worked_out(), false_alarms_per_hour=0.1)
    with pytest.raises(ModelError, match="worked out are: none"):
        alarm_rate(make_manifest(), 1)


def test_a_rise_below_where_the_alarm_falls_is_lifted_to_it() -> None:
    low = AlarmRate(per_hour=1, rise=-2, low=-3, high=0, hours=1, how="by hand")
    assert track_settings(make_manifest().model_copy(update={"alarms": (low,)})).verdict.rise == 0


def test_the_measured_correlation_takes_the_place_of_the_assumed_one() -> None:
    track = track_settings(worked_out())
    assert track.smoothing == SmoothingSettings(correlation_s=0.3)
    assert track.enough_looks < TrackSettings().enough_looks


@pytest.mark.parametrize(("logit", "rise"), [(0.3, 0.85), (2.0, 2.0)])
def test_without_worked_out_alarms_the_frames_threshold_raises_the_default(logit: float, rise: float) -> None:
    thresholds = (Threshold(false_alarm_rate=0.01, logit=logit),)
    manifest = make_manifest().model_copy(update={"thresholds": thresholds})
    assert track_settings(manifest, false_alarms_per_hour=0.001).verdict.rise == rise


def test_a_manifest_that_knows_nothing_leaves_everything_as_it_was() -> None:
    manifest = make_manifest().model_copy(update={"thresholds": (Threshold(false_alarm_rate=0.1, logit=3),)})
    assert track_settings(manifest) == TrackSettings()


def test_the_shipped_model_can_be_judged_by() -> None:
    assert 0 <= track_settings(store.default_model()[1]).verdict.rise < SmoothingSettings().clip
