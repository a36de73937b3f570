"""A swap in mid-call, by models that are made up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.mid_call import AFTER_S, BEFORE_S, Pair, Swap, delays, find_pairs, swap, swaps
from stream_guard.scoring.track import TrackSettings

from .series import series

pytestmark = pytest.mark.unit

TRACK = TrackSettings()


def pair(real: np.ndarray | list[float], fake: np.ndarray | list[float], name: str = "pair.mp4") -> Pair:
    return Pair(series(real, name=name), series(fake, label="fake", name=name))


def test_a_perfect_model_flags_every_swap_as_soon_as_hysteresis_lets_it() -> None:
    played = swaps([pair([-3.0] * 40, [3.0] * 40)], TRACK, repeats=10)
    found = delays(played)
    assert found.within_4_s.value == found.at_all.value == 1
    assert 1.3 <= found.median_s <= found.ninth_decile_s <= 1.8  # 1.5 s from -3 to 3, as VerdictSettings says
    assert found.before == 0


def test_a_model_that_sees_nothing_misses_all() -> None:
    found = delays(swaps([pair([-3.0] * 40, [-3.0] * 40)], TRACK, repeats=5))
    assert found.at_all.value == 0
    assert math.isinf(found.median_s)


def test_a_model_that_tosses_coins_raises_as_many_alarms_an_hour_before_the_swap_as_after() -> None:
    rng = np.random.default_rng(0)
    pairs = [pair(rng.normal(0, 3, 120), rng.normal(0, 3, 120), f"{n}.mp4") for n in range(4)]
    found = delays(swaps(pairs, TRACK, repeats=10))
    assert found.before > 0
    # Half of the calls or so raise the alarm: far from a model that knows, though each is "flagged".
    by_chance = 1 - math.exp(-found.before / found.before_hours * AFTER_S / 3600)
    assert found.at_all.value == pytest.approx(by_chance, abs=0.35)


def test_an_alarm_that_stands_already_is_no_hit() -> None:
    played = swaps([pair([3.0] * 40, [3.0] * 40)], TRACK, repeats=4)
    assert all(math.isinf(one.delay_s) and one.before == 1 for one in played)


def test_swaps_begin_at_random_and_the_same_seed_draws_the_same() -> None:
    one = pair([-3.0] * 40, [3.0] * 40)
    begun = [swap(one, TRACK, np.random.default_rng(seed)).at_s for seed in range(20)]
    assert min(begun) >= BEFORE_S[0]
    assert max(begun) <= BEFORE_S[1]
    assert len(set(begun)) == 20
    assert swaps([one], TRACK, repeats=3, seed=1) == swaps([one], TRACK, repeats=3, seed=1)


def test_the_same_moments_go_on_in_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[np.ndarray] = []

    def listen(at_s: np.ndarray, llrs: np.ndarray, *_: object, **__: object) -> list[float]:
        heard.append(llrs)
        return []

    monkeypatch.setattr("stream_guard.evaluation.mid_call.alarms", listen)
    ramp = np.arange(40) / 1000
    played = swap(pair(ramp - 1, ramp + 1), TRACK, np.random.default_rng(0))
    llrs = heard[0]
    first = round(played.at_s * 10 + 0.5)
    moments = np.where(np.arange(len(llrs)) < first, llrs + 1, llrs - 1)
    assert np.abs(np.diff(moments)).max() <= 0.001 + 1e-9  # forth and back, no jump, not even at the swap
    assert len(llrs) == pytest.approx((played.at_s + AFTER_S) * 10, abs=1)


def test_a_pair_is_two_regions_of_one_file() -> None:
    real, fake = series([0.0] * 5, name="a.mp4"), series([1.0] * 5, label="fake", name="a.mp4")
    other = series([1.0] * 5, label="fake", name="b.mp4")
    found = find_pairs([real, fake, other])
    assert [(one.real, one.fake) for one in found] == [(real, fake)]
    longer = series([1.0] * 6, label="fake", name="a.mp4")
    no_pairs: list[Footage] = [real, other, longer]
    with pytest.raises(ConfigError, match="needs such pairs"):
        find_pairs(no_pairs)


def test_misses_count_as_infinite() -> None:
    played = [Swap("a", 6, value, 0) for value in (1.0, 2.0, 5.0, math.inf)]
    found = delays(played)
    assert (found.within_4_s.value, found.within_10_s.value, found.at_all.value) == (0.5, 0.75, 0.75)
    assert found.median_s == 5.0
    assert math.isinf(found.ninth_decile_s)
