"""What was seen becomes figures: the stages add up to the whole, and every frame's fate is told."""

from __future__ import annotations

from typing import Any

import pytest

from stream_guard.bench.latency import STAGES, figures, flights, percentiles, rates
from stream_guard.bench.record import ScoredFrame
from stream_guard.clock import NS_PER_MS as MS
from tests.unit.bench.records import record

pytestmark = pytest.mark.unit


def test_the_stages_add_up_to_the_whole() -> None:
    seen = record()
    flown = flights(seen, seen.sessions["c1"])
    assert len(flown) == 19
    for one in flown:
        assert one.total_ns == 70 * MS
        assert sum(one.stages_ns.values()) == one.total_ns
        assert tuple(one.stages_ns) == STAGES
        assert one.stages_ns["network"] == 2 * MS
        assert one.stages_ns["threads"] == 6 * MS


def test_a_packet_that_came_again_later_lengthens_nothing() -> None:
    seen = record()
    seen.packets[0] += 500 * MS
    first = flights(seen, seen.sessions["c1"])[0]
    assert sum(first.stages_ns.values()) == first.total_ns == 70 * MS
    assert min(first.stages_ns.values()) >= 0


def test_figures_tell_what_became_of_every_frame() -> None:
    told: dict[str, Any] = figures(record(superseded=frozenset({5, 6})), faces=1)
    assert told["frames"] == {
        "sent": 20,
        "decoded": 19,
        "not decoded": 1,
        "admitted": 17,
        "dropped": {"superseded": 2},
        "scored": 17,
        "told": 17,
        "unreadable": 0,
    }
    assert told["faces"] == {"scores": 17, "scores_a_second": 8.5, "by_face": [8.5], "worst_face": 8.5}
    assert told["server"]["cpu_ms_a_frame_sent"] == 20.0
    assert told["server"]["cores"] == 0.2
    assert told["glass_to_score_ms"] == {"p50": 70, "p90": 70, "p95": 70, "p99": 70, "max": 70}
    assert sum(one["share"] for one in told["stages_ms"].values()) == pytest.approx(1, abs=0.001)


def test_frames_of_the_warm_up_do_not_count() -> None:
    seen = record()
    seen.began_ns += 1000 * MS
    assert len(flights(seen, seen.sessions["c1"])) == 10
    told: dict[str, Any] = figures(seen, faces=1)
    assert told["frames"]["sent"] == told["frames"]["scored"] == 10


def test_numbers_that_repeat_belong_to_the_newest_picture() -> None:
    seen = record(loop=7)
    assert {one.total_ns for one in flights(seen, seen.sessions["c1"])} == {70 * MS}


def test_frames_whose_number_could_not_be_read_are_left_out() -> None:
    seen = record()
    seen.sessions["c1"].scored[4].number = None
    assert len(flights(seen, seen.sessions["c1"])) == 18


def test_the_face_that_fares_worst_counts() -> None:
    seen = record()
    for frame in seen.sessions["c1"].scored:
        frame.faces = [1, 2, 3] if frame.sequence % 2 else [1, 2]
    told: dict[str, Any] = figures(seen, faces=3)
    assert told["faces"]["by_face"] == [9.5, 9.5, 4.5]
    assert told["faces"]["worst_face"] == 4.5
    missed: dict[str, Any] = figures(seen, faces=4)
    assert missed["faces"]["worst_face"] == 0, "a face that was never scored"


def test_a_face_that_came_back_as_another_counts_with_its_longer_part() -> None:
    frames = [ScoredFrame(count, count, 0, 0, [1, 2 if count < 6 else 3]) for count in range(10)]
    assert rates(frames, faces=2, seconds=2.0) == [5.0, 3.0]


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([float(value) for value in range(1, 101)]) == {
        "p50": 50,
        "p90": 90,
        "p95": 95,
        "p99": 99,
        "max": 100,
    }
    assert percentiles([3.0]) == {"p50": 3, "p90": 3, "p95": 3, "p99": 3, "max": 3}
    assert percentiles([]) == {}
