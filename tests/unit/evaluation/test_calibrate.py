from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.calibrate import calibrate, fit_line, thresholds

pytestmark = pytest.mark.unit


def logits(mean: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 2.0, count).astype(np.float32)


def test_the_line_gives_the_log_likelihood_ratio_of_two_normals():
    # Of normals at -1 and 5 with deviation 2 the ratio is (x - 2) * 6 / 4.
    temperature, bias = fit_line(logits(-1, 20_000, 0), logits(5, 10_000, 1))
    assert temperature == pytest.approx(4 / 6, rel=0.1)
    assert bias == pytest.approx(2, abs=0.1)


def test_a_model_that_is_upside_down_cannot_be_calibrated():
    with pytest.raises(ConfigError, match="no higher"):
        fit_line(logits(3, 500, 0), logits(0, 500, 1))


def test_separable_scores_still_have_a_finite_temperature():
    temperature, _ = fit_line(np.full(50, -3, np.float32), np.full(50, 3, np.float32))
    assert 0 < temperature < 10


def test_footage_can_raise_the_bias_but_not_lower_it():
    real, fake = logits(-1, 4000, 0), logits(5, 4000, 1)
    alone = calibrate(real, fake, [], fitted_on="stills")
    easy = calibrate(real, fake, [logits(-6, 200, 2)], fitted_on="stills")
    hard = calibrate(real, fake, [logits(4, 200, 3), logits(4, 20, 4)], fitted_on="stills")
    assert easy.bias == alone.bias
    assert hard.bias > alone.bias + 3
    assert hard.temperature == alone.temperature


def test_thresholds_are_what_real_frames_exceed_each_clip_weighing_the_same():
    calibration = calibrate(logits(-1, 400, 0), logits(5, 400, 1), [], fitted_on="stills")
    quiet, loud = logits(-3, 9000, 5), logits(3, 1000, 6)
    levels = thresholds(calibration, [quiet, loud])
    assert [level.false_alarm_rate for level in levels] == [0.1, 0.05, 0.01]
    for level in levels:
        raw = level.logit * calibration.temperature + calibration.bias
        above = ((quiet > raw).mean() + (loud > raw).mean()) / 2
        assert above == pytest.approx(level.false_alarm_rate, abs=0.002)
