"""How long errors last, found again where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.independence import estimate, fit, variogram

from .series import people, series

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("correlation_s", [0.1, 0.3, 0.8])
def test_a_known_process_is_found_again_in_clips_of_eight_seconds(correlation_s: float) -> None:
    clips = people(150, seconds=8, correlation_s=correlation_s, within=0.6, between=1.5, seed=1)
    found = fit(clips, rate=10)
    assert found.correlation_s == pytest.approx(correlation_s, rel=0.15)
    assert found.within == pytest.approx(0.6, rel=0.1)
    assert found.between == pytest.approx(1.5, rel=0.3)
    assert found.mean == pytest.approx(-2, abs=0.3)


def test_clips_that_differ_by_chance_only_have_no_variance_between_them() -> None:
    # Clips of two seconds and errors of one: the means differ, by chance alone.
    clips = people(400, seconds=2, correlation_s=1.0, within=1.0, between=0.0, seed=2)
    assert np.var([clip.logits.mean() for clip in clips]) > 0.4
    assert fit(clips, rate=10).between < 0.1


def test_the_interval_holds_the_truth_and_narrows_with_more_clips() -> None:
    few = people(8, seconds=8, correlation_s=0.2, within=0.5, between=1, seed=3)
    many = people(80, seconds=8, correlation_s=0.2, within=0.5, between=1, seed=3)
    told = [
        estimate(clips, np.random.default_rng(0), rate=10, measured_on="noise", rounds=60) for clips in (few, many)
    ]
    assert all(one.low <= 0.2 <= one.high for one in told)
    assert told[1].high - told[1].low < told[0].high - told[0].low
    assert told[0].measured_on == "noise"


def test_the_variogram_does_not_know_the_mean_and_leaves_unjudged_frames_out() -> None:
    plain = series([0.0, 1.0, 0.0, 1.0])
    assert variogram([plain], rate=10).values[:2].tolist() == [0.5, 0.0]
    assert variogram([series([7.0, 8.0, 7.0, 8.0])], rate=10).values[:2].tolist() == [0.5, 0.0]
    gap = variogram([series([0.0, np.nan, 3.0])], rate=10)
    assert gap.lags_s.tolist() == pytest.approx([0.2])
    assert gap.pairs.tolist() == [1]


def test_one_clip_cannot_tell() -> None:
    with pytest.raises(ConfigError, match="two clips"):
        fit([series([0.0, 1.0]), series([np.nan, 1.0])], rate=10)
