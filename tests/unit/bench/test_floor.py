"""The parts' sum over what was used, each part as often as it was needed."""

from __future__ import annotations

import pytest

from stream_guard.bench.floor import Floor, efficiency
from stream_guard.bench.latency import figures
from tests.unit.bench.records import record

pytestmark = pytest.mark.unit


def test_each_part_counts_as_often_as_it_was_needed() -> None:
    seen = record(superseded=frozenset({5}))  # 19 decoded, 18 scored, a face each, 2 s
    floor = Floor(decode=2.0, rgb=1.0, landmarks=5.0, cnn=4.0, find=10.0)
    needed = 19 * 2 + 18 * (1 + 5 + 4)
    told = efficiency(floor, figures(seen, faces=1), cpu_s=0.4)
    assert told == {"efficiency": round(needed / 400, 3), "with_finder": round((needed + 4 / 3 * 2 * 10) / 400, 3)}
