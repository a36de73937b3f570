"""Pictures are drawn from what results hold, also where a run saw nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.picture import draw as draw_peers
from stream_guard.bench.growth import growth
from stream_guard.bench.latency import figures, flights
from stream_guard.bench.load import Bound, step
from stream_guard.bench.plot import draw_growth, draw_latency, draw_load
from tests.unit.bench.records import record

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]  # matplotlib is slow to load on a busy machine


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


@pytest.mark.parametrize("superseded", [frozenset[int](), frozenset(range(20))])
def test_latency_and_load(tmp_path: Path, superseded: frozenset[int]) -> None:
    seen = record(superseded=superseded)
    draw_latency(tmp_path / "latency.png", flights(seen, seen.sessions["c1"]), figures(seen, faces=1))
    draw_load(tmp_path / "load.png", [step(seen, faces=1, bound=Bound())], {"p95_ms": 150.0, "rate": 10.0})
    assert is_png(tmp_path / "latency.png")
    assert is_png(tmp_path / "load.png")


@pytest.mark.parametrize(("cores", "told"), [([0.2, 0.3, 0.9], {"p50": 40.0, "p95": 60.0}), ([0.0, 0.0, 0.0], {})])
def test_growth(tmp_path: Path, cores: list[float], told: dict[str, float]) -> None:
    steps = [
        {"count": count, "cores": value, "glass_to_score_ms": told, "share_scored": 0.9}
        for count, value in zip((1, 2, 9), cores, strict=True)
    ]
    one = {
        "steps": {str(row["count"]): row for row in steps},
        "cores": growth([1, 2, 9], cores),
        "p50_ms": growth([1, 2, 9], [told.get("p50", 0.0)] * 3),
    }
    draw_growth(tmp_path / "growth.png", {"faces": one, "sessions": one})
    assert is_png(tmp_path / "growth.png")


@pytest.mark.parametrize("flagged", [1.4, None])
def test_peers(tmp_path: Path, flagged: float | None) -> None:
    cost: dict[str, Any] = {"ours": {"times_ours": 1.0}, "others": {"A + B": {"times_ours": 20.0}}}
    lag = {"lag_ms_by_second_of_capture": {"0": 30, "1": 900}}
    spread = {"mean": 2.4, "max": 4.8} if flagged else {}
    flag = {"ours": {"seconds_to_flag": flagged}, "others": {"sampler": {"seconds_to_flag": spread}}}
    told = {"cost": cost, "lag": {"ours": lag, "others": {"track": lag}}, "flag": flag}
    draw_peers(tmp_path / "peers.png", told)
    assert is_png(tmp_path / "peers.png")
