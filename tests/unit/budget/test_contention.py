"""Several calls on one machine: each face has its rate as long as there is any way, and nobody starves."""

from __future__ import annotations

import itertools

import pytest

from stream_guard.budget.admission import Admission
from stream_guard.budget.contention import Contention
from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.clock import NS_PER_MS, NS_PER_S
from tests.unit.budget.calls import Call, Costs, p95_ms, play

pytestmark = pytest.mark.unit

MS = NS_PER_MS
SECONDS = 12

SLOW = Costs(decode=6, track=14, infer=8)
"""As on two shared server cores with MediaPipe and OpenVINO: what one call takes is 0.97 of a core."""
FAST = Costs(decode=5, track=7, infer=6)


def calls(*faces: int, shared: bool = True, fps: float = 30) -> list[Call]:
    contention = Contention(places=2) if shared else None
    return [Call(Admission(contention=contention), faces=count, fps=fps) for count in faces]


def played(costs: Costs, *faces: int, shared: bool = True, fps: float = 30) -> list[Call]:
    streams = calls(*faces, shared=shared, fps=fps)
    play(streams, costs=costs, seconds=SECONDS)
    return streams


def test_a_place_is_free_until_as_many_others_work():
    contention = Contention(places=2)
    contention.begin("a", 0)
    assert not contention.crowded("c", 0)
    contention.begin("b", 0)
    assert contention.crowded("c", 0)
    assert not contention.crowded("a", 0), "one's own frame is no other's"
    contention.end("b")
    contention.end("nobody")
    assert not contention.crowded("c", 0)


def test_a_stream_that_broke_in_mid_frame_is_forgotten():
    contention = Contention(places=1, forget_ns=NS_PER_S)
    contention.begin("broken", 0)
    assert contention.crowded("other", NS_PER_S - 1)
    assert not contention.crowded("other", NS_PER_S)


@pytest.mark.parametrize(("places", "forget_ns"), [(0, 1), (1, 0)])
def test_limits_must_be_above_zero(places: int, forget_ns: int):
    with pytest.raises(ValueError, match="at least 1"):
        Contention(places=places, forget_ns=forget_ns)


def test_a_frame_that_is_owed_is_looked_at_however_busy_the_machine():
    contention = Contention(places=1)
    contention.begin("other", 0)
    admission = Admission(contention=contention, full_rate=10)
    taken = []
    for number in range(30):
        contention.begin("other", number * 33 * MS)
        decision = admission.admit(arrived_ns=number * 33 * MS, now_ns=number * 33 * MS, faces=1)
        if isinstance(decision, Plan):
            taken.append(number)
            admission.spent("total", MS)
        else:
            assert decision == Skip(DropCause.YIELDED)
    assert len(taken) in (9, 10)
    assert {later - earlier for earlier, later in itertools.pairwise(taken)} <= {3, 4}, "spread evenly"


def test_with_nobody_there_frames_cost_little_and_faces_are_looked_for():
    contention = Contention(places=1)
    admission = Admission(contention=contention)
    for number in range(60):
        contention.begin("other", number * 33 * MS)
        decision = admission.admit(arrived_ns=number * 33 * MS, now_ns=number * 33 * MS, faces=0)
        assert isinstance(decision, Plan)
        assert decision.find
        admission.spent("total", MS)


@pytest.mark.parametrize("count", [1, 2])
def test_while_there_is_a_core_for_each_every_frame_is_looked_at(count: int):
    streams = played(FAST, *[1] * count)
    assert all(call.rate(SECONDS) > 29 for call in streams)
    assert not any(DropCause.YIELDED in call.dropped for call in streams)


@pytest.mark.parametrize(("costs", "count"), [(SLOW, 3), (SLOW, 4), (FAST, 4), (FAST, 5)])
def test_each_call_has_ten_scores_a_second_and_none_is_late(costs: Costs, count: int):
    streams = played(costs, *[1] * count)
    assert min(call.rate(SECONDS) for call in streams) >= 10
    assert p95_ms(streams) < 150
    for call in streams:
        gaps = [later - earlier for earlier, later in itertools.pairwise(call.scored_ns)]
        assert max(gaps) < 350 * MS, "spread, not in bursts"


@pytest.mark.parametrize(("costs", "count", "gain"), [(SLOW, 4, 0.85), (FAST, 5, 0.6)])
def test_who_leaves_frames_to_others_has_its_own_sooner(costs: Costs, count: int, gain: float):
    alone, together = (played(costs, *[1] * count, shared=shared) for shared in (False, True))
    assert p95_ms(together) < gain * p95_ms(alone)
    assert min(call.rate(SECONDS) for call in together) >= 10


def test_where_ten_cannot_be_had_all_get_the_same():
    streams = played(SLOW, *[1] * 6)
    rates = [call.rate(SECONDS) for call in streams]
    assert max(rates) < 10
    assert min(rates) > 0.8 * max(rates)


def test_a_gallery_does_not_starve_the_calls_beside_it():
    gallery, *others = played(FAST, 9, 1, 1)
    assert min(call.rate(SECONDS) for call in others) >= 10
    assert gallery.rate(SECONDS) >= 2, "nor they it"


def test_calls_of_few_frames_a_second_have_them_all():
    streams = played(FAST, *[1] * 5, fps=10)
    assert min(call.rate(SECONDS) for call in streams) > 9.8
    assert max(call.dropped.get(DropCause.YIELDED, 0) for call in streams) <= 2, "the first, if it came early"
