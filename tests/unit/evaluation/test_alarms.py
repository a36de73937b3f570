"""False alarms an hour: counted, and worked out from made-up people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.alarms import AlarmTable, alarm_rates, count_alarms
from stream_guard.evaluation.playback import alarms, footage_alarms
from stream_guard.evaluation.population import Population, noise
from stream_guard.face import Reason
from stream_guard.models.manifest import Independence
from stream_guard.scoring.track import TrackSettings

from .series import people, series

pytestmark = pytest.mark.unit

TRACK = TrackSettings()
INDEPENDENCE = Independence(correlation_s=0.15, low=0.1, high=0.2, within=0.5, between=1.0, measured_on="noise")


@pytest.fixture(scope="module")
def table() -> AlarmTable:
    return AlarmTable(
        INDEPENDENCE, TRACK, np.random.default_rng(0), rises=(0.0, 0.85, 1.8, 2.8), calls=2, call_s=60
    )


def test_the_alarm_comes_when_hysteresis_lets_it_and_once() -> None:
    at_s = np.arange(100) / 10
    raised = alarms(at_s, np.full(100, 3.0), TRACK)
    assert len(raised) == 1
    assert 0.5 <= raised[0] <= 1.5
    assert alarms(at_s, np.full(100, TRACK.verdict.rise - 0.01), TRACK) == []


def test_a_refused_frame_is_not_scored() -> None:
    clip = series([3.0] * 50)
    refused = replace(clip, reasons=((Reason.DARK,),) * 50)
    assert footage_alarms(clip, TRACK)
    assert not footage_alarms(refused, TRACK)


def test_alarms_are_counted_over_all_the_footage() -> None:
    counted = count_alarms([series([3.0] * 100)] * 2 + [series([-3.0] * 700)], TRACK)
    assert counted.alarms == 2
    assert counted.hours == pytest.approx(90 / 3600)
    assert counted.per_hour == pytest.approx(80)
    assert (counted.low, counted.high) == pytest.approx((0.2422 * 40, 7.2247 * 40), rel=1e-3)
    with pytest.raises(ConfigError, match="no real footage"):
        count_alarms([], TRACK)


def test_made_up_errors_have_the_correlation_they_should() -> None:
    errors = noise(np.random.default_rng(0), calls=50, frames=2000, rate=10, correlation_s=0.25)
    assert errors.std() == pytest.approx(1, rel=0.03)
    for steps in (1, 3, 5):
        seen = np.mean(errors[:, steps:] * errors[:, :-steps])
        assert seen == pytest.approx(np.exp(-steps / 10 / 0.25), abs=0.03)


def test_the_rise_grows_as_the_rate_falls(table: AlarmTable) -> None:
    persons = np.random.default_rng(1).normal(-1, 1.2, 2000)
    rises = [table.rise(persons, rate) for rate in (20.0, 6.0, 2.0, 1.0)]
    assert rises == sorted(rises)
    assert rises[0] < rises[-1]
    for rate, rise in zip((6.0, 2.0), rises[1:3], strict=True):
        assert table.per_hour(persons, rise) == pytest.approx(rate, rel=0.5)


def test_people_the_model_is_sure_of_need_no_rise_and_those_it_damns_have_none(table: AlarmTable) -> None:
    assert table.rise(np.full(10, -3.0), 1.0) == 0.0
    assert np.isnan(table.rise(np.full(10, 4.4), 1.0))
    assert table.per_hour(np.full(10, 4.4), 0.85) == pytest.approx(60)  # one in each call of a minute


def test_what_a_manifest_gets_is_ordered_and_says_what_was_modelled(table: AlarmTable) -> None:
    clips = people(12, seconds=8, correlation_s=0.15, within=0.5, between=0.6, seed=4, mean=-2.0)
    rates = alarm_rates(clips, np.zeros(0), INDEPENDENCE, TRACK, np.random.default_rng(0), rounds=40, table=table)
    assert [one.per_hour for one in rates] == [6.0, 1.0, 0.2]
    rises = [one.rise for one in rates]
    assert rises == sorted(rises)
    assert all(one.low <= one.rise <= one.high and one.low < one.high for one in rates)
    assert all("modelled" in one.how and "measured" in one.how and "12 clips" in one.how for one in rates)


def test_a_rate_that_cannot_be_kept_is_left_out(table: AlarmTable) -> None:
    damned = [series([3.9 + 0.1 * k] * 50) for k in range(5)]
    rates = alarm_rates(damned, np.zeros(0), INDEPENDENCE, TRACK, np.random.default_rng(0), rounds=5, table=table)
    assert rates == ()


def test_a_still_is_drawn_in_by_what_a_frame_errs() -> None:
    rng = np.random.default_rng(0)
    stills = rng.normal(-1, 1.5, 4000)
    drawn = Population(np.array([-2.0, -2.0]), stills, within=1.25).draw(rng, 8000)
    assert drawn[:4000].std() == pytest.approx(0, abs=1e-9)
    assert drawn[4000:].std() == pytest.approx(1.0, abs=0.05)
    with pytest.raises(ConfigError, match="two clips"):
        Population(np.array([1.0]), stills, within=1.0).draw(rng, 10)
