from __future__ import annotations

import numpy as np
import pytest

from stream_guard.evaluation.gates import Look, bands, gated, passes, rates
from stream_guard.face import Reason

pytestmark = pytest.mark.unit

RISE = 0.85


def frame(clip: int, llr: float, reasons: tuple[Reason, ...] = (), blur: float = 0.2) -> Look:
    return Look(clip, fake=clip % 2 == 1, llr=llr, reasons=reasons, measures={"blur": blur})


def good_and_bad() -> list[Look]:
    """Ten clips of each kind; of eight frames six are judged rightly, and the two blurred ones wrongly."""
    looks = []
    for clip in range(20):
        right = 2.0 if clip % 2 else -2.0
        looks += [frame(clip, right)] * 6 + [frame(clip, -right, (Reason.BLURRED,), blur=0.8)] * 2
    return looks


def test_a_gate_that_refuses_exactly_the_bad_frames_leaves_no_error_and_costs_their_share() -> None:
    looks = good_and_bad()
    found = gated(looks, passes(looks), rise=RISE)
    assert found.coverage == 0.75
    assert found.every.false_alarms is not None
    assert found.every.misses is not None
    assert (found.every.false_alarms.value, found.every.misses.value) == (0.25, 0.25)
    assert found.passed.auc is not None
    assert found.passed.false_alarms_rise is not None
    assert found.passed.misses_rise is not None
    assert found.passed.auc.value == 1.0
    assert (found.passed.false_alarms_rise.value, found.passed.misses_rise.value) == (0.0, 0.0)
    assert found.passed.equal_error_rate == 0.0
    assert found.refused.auc is not None
    assert found.refused.auc.value == 0.0


def test_a_gate_that_refuses_at_random_gains_nothing() -> None:
    looks = good_and_bad()
    through = [number % 4 != 0 for number in range(len(looks))]
    found = gated(looks, through, rise=RISE)
    assert found.coverage == 0.75
    assert found.passed.false_alarms is not None
    assert found.passed.false_alarms.value == pytest.approx(0.25, abs=0.1)


def test_bands_of_a_measure_show_where_errors_begin_and_what_refusing_them_costs() -> None:
    looks = good_and_bad()
    unmeasured = Look(0, fake=False, llr=9.0)
    clear, blurred = bands([*looks, unmeasured], "blur", (0.0, 0.8, 1.0), rise=RISE)
    assert (clear.least, clear.most, clear.plain) == (0.0, 0.8, 0.75)
    assert clear.rates.false_alarms is not None
    assert blurred.rates.false_alarms is not None
    assert (clear.rates.false_alarms.value, blurred.rates.false_alarms.value) == (0.0, 1.0)
    assert blurred.plain == 0.25


def test_spoilt_frames_do_not_count_as_the_cost_of_a_band() -> None:
    spoilt = [Look(look.clip, look.fake, look.llr, 0.5, look.reasons, look.measures) for look in good_and_bad()]
    plain = [frame(0, -1, blur=0.1), frame(1, 1, blur=0.1)]
    assert [band.plain for band in bands([*spoilt, *plain], "blur", (0, 0.15, 1), rise=RISE)] == [1.0, 0.0]


def test_only_the_reasons_asked_for_refuse() -> None:
    looks = [frame(0, 0, (Reason.DARK,)), frame(0, 0, (Reason.BLURRED, Reason.DARK)), frame(0, 0)]
    assert passes(looks, [Reason.BLURRED]) == [True, False, True]
    assert passes(looks) == [False, False, True]


def test_even_odds_and_rise_count_a_frame_on_the_line_as_forged() -> None:
    looks = [frame(0, 0.0)] * 20 + [frame(2, RISE)] * 20 + [frame(1, 0.0)] * 20 + [frame(3, RISE)] * 20
    found = rates(looks, rise=RISE)
    assert found.false_alarms is not None
    assert found.misses is not None
    assert found.false_alarms_rise is not None
    assert found.misses_rise is not None
    assert (found.false_alarms.value, found.misses.value) == (1.0, 0.0)
    assert (found.false_alarms_rise.value, found.misses_rise.value) == (0.5, 0.5)


def test_too_few_frames_have_no_rates() -> None:
    looks = [frame(0, -1)] * 40 + [frame(1, 1)] * 19
    found = rates(looks, rise=RISE)
    assert (found.real, found.fake, found.auc, found.misses) == (40, 19, None, None)


def test_intervals_come_from_clips_not_from_frames() -> None:
    rng = np.random.default_rng(0)
    clips = [float(value) for value in rng.normal(0, 1, 8)]
    few = [frame(number, clips[number]) for number in range(8) for _ in range(10)]
    many = [frame(number, clips[number]) for number in range(8) for _ in range(100)]
    narrow, wide = rates(many, rise=RISE).false_alarms, rates(few, rise=RISE).false_alarms
    assert narrow is not None
    assert wide is not None
    assert narrow == wide  # ten times the frames of the same clips say nothing new
    assert wide.low < wide.value < wide.high
