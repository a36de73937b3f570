from __future__ import annotations

import aiortc.codecs.vpx
import numpy as np
import pytest

from stream_guard.errors import SourceError
from stream_guard.evaluation.call_ends import Lottery, fixed_bitrate

pytestmark = pytest.mark.unit


def constants() -> list[int]:
    return [getattr(aiortc.codecs.vpx, f"{name}_BITRATE") for name in ("DEFAULT", "MIN", "MAX")]


def test_the_bitrate_holds_inside_and_not_afterwards():
    before = constants()
    with fixed_bitrate(100):
        encoder = aiortc.codecs.vpx.Vp8Encoder()
        encoder.target_bitrate = 5_000_000  # as the receiver's estimate would
        assert encoder.target_bitrate == 100_000
    assert constants() == before


def test_the_bitrate_is_given_back_whatever_happens():
    before = constants()
    with pytest.raises(SourceError), fixed_bitrate(100):
        raise SourceError("the call broke off")
    assert constants() == before


def test_the_lottery_draws_at_its_rate_and_counts():
    lottery, again = (Lottery(0.2, np.random.default_rng(5)) for _ in range(2))
    drawn = [lottery[0] for _ in range(2000)]
    assert (lottery.drawn, lottery.lost) == (2000, sum(drawn))
    assert lottery.lost == pytest.approx(400, abs=60)
    assert [again[0] for _ in range(2000)] == drawn, "the same seed loses the same packets"
