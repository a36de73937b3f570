"""When a number of sessions holds, and when it does not."""

from __future__ import annotations

import pytest

from stream_guard.bench.load import Bound, step
from tests.unit.bench.records import record

pytestmark = pytest.mark.unit


def test_a_bound_holds_or_breaks_by_latency_and_by_rate() -> None:
    seen = record()
    assert step(seen, faces=1, bound=Bound(p95_ms=70, rate=9))["held"] is True
    assert step(seen, faces=1, bound=Bound(p95_ms=69, rate=9))["held"] is False
    assert step(seen, faces=1, bound=Bound(p95_ms=70, rate=10))["held"] is False
    assert step(seen, faces=2, bound=Bound(p95_ms=70, rate=9))["held"] is False, "the scores are of both faces"


def test_the_session_that_fares_worst_counts() -> None:
    seen = record()
    seen.sessions["c2"] = record(superseded=frozenset(range(4, 20))).sessions["c1"]
    told = step(seen, faces=1, bound=Bound())
    assert told["sessions"] == 2
    assert told["scores_a_second_and_face"] == 1.5
    assert told["scores_a_second_by_session"] == [9.5, 1.5]
    assert told["dropped"] == {"superseded": 16}


def test_a_session_without_any_score_holds_nothing() -> None:
    seen = record(superseded=frozenset(range(20)))
    told = step(seen, faces=1, bound=Bound(p95_ms=1000, rate=0.1))
    assert told["held"] is False
    assert told["glass_to_score_ms"] == {}
