"""The benchmarks of threads and of the CPU's side measure what they say."""

from __future__ import annotations

import time

import pytest

from benchmarks.engine_threads import turn
from benchmarks.gpu.cpu_side import ratio

pytestmark = [pytest.mark.unit, pytest.mark.timeout(90)]


@pytest.mark.parametrize("streams", [1, 3])
def test_a_turn_counts_what_every_stream_has_done(streams: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.engine_threads._TURN_S", 0.2)
    done: list[float] = []

    def frame() -> None:
        time.sleep(0.01)
        done.append(time.perf_counter())

    began = time.perf_counter()
    a_second, p50_ms, cpu_ms = turn(streams, frame)
    seconds = time.perf_counter() - began
    assert len(done) >= streams
    assert len(done) / seconds <= a_second <= len(done) / 0.2
    assert p50_ms >= 10
    assert cpu_ms >= 0


def test_more_faces_cost_more_to_cut_and_hardly_more_to_hand_over() -> None:
    assert 0 < ratio(100, 1, rounds=15) < ratio(100, 16, rounds=15)
