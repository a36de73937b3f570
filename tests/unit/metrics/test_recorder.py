"""Counts and latencies of each running session."""

from __future__ import annotations

import pytest

from stream_guard.budget.plan import DropCause
from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.metrics.recorder import Recorder
from stream_guard.pipeline.observers import Ticked
from stream_guard.protocol.messages import Stats
from stream_guard.scoring.observation import Update
from stream_guard.testing.clock import ManualClock
from tests.unit.metrics.happenings import CALL, FILE, frame, scored

pytestmark = pytest.mark.unit


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def recorder(clock: ManualClock) -> Recorder:
    recorder = Recorder(clock=clock)
    recorder.session_changed(CALL, "connecting")
    return recorder


def stats_of(recorder: Recorder, session: str = "c1") -> Stats:
    stats = recorder.stats(session)
    assert stats is not None
    return stats


@pytest.mark.parametrize("refused", [cause for cause in DropCause if cause is not DropCause.SUPERSEDED])
def test_every_frame_is_in_exactly_one_count(recorder: Recorder, refused: DropCause) -> None:
    for number in range(10):
        recorder.frame_received(CALL, frame(arrived_ns=number))
    recorder.frame_dropped(CALL, DropCause.SUPERSEDED, 3)
    for _ in range(7):
        recorder.stage_done(CALL, "wait", 1)
    recorder.frame_dropped(CALL, refused)  # its turn came, and nothing came of it
    for _ in range(5):
        recorder.frame_scored(CALL, scored())
    stats = stats_of(recorder)
    assert (stats.received, stats.admitted, stats.scored) == (10, 6, 5)  # one is being worked on
    assert stats.dropped == {DropCause.SUPERSEDED: 3, refused: 1}
    assert stats.received == stats.admitted + sum(stats.dropped.values())


def test_rates_are_of_the_last_seconds(recorder: Recorder, clock: ManualClock) -> None:
    for number in range(120):
        clock.advance(ns=NS_PER_S // 30)
        recorder.frame_received(CALL, frame())
        if number % 3 == 0:
            recorder.frame_scored(CALL, scored())
    stats = stats_of(recorder)
    assert stats.fps_in == pytest.approx(30, abs=0.1)
    assert stats.fps_scored == pytest.approx(10, abs=0.1)
    clock.advance(s=10)
    silent = stats_of(recorder)
    assert silent.fps_in == silent.fps_scored == 0
    assert silent.received == 120


def test_stages_have_percentiles_in_milliseconds(recorder: Recorder) -> None:
    for duration in range(1, 101):
        recorder.stage_done(CALL, "infer", duration * NS_PER_MS)
    recorder.stage_done(CALL, "track", 2_500_000)
    stages = stats_of(recorder).stages
    assert stages["infer"].model_dump() == {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "count": 100}
    assert stages["track"].p50_ms == 2.5
    assert set(stages) == {"infer", "track"}


def test_the_time_line_goes_on_in_silence(recorder: Recorder, clock: ManualClock) -> None:
    recorder.frame_scored(CALL, scored(at_s=12.3456))
    assert stats_of(recorder).t == 12.346
    recorder.ticked(CALL, Ticked(at_s=14.5, update=Update()))
    clock.advance(s=1)
    assert stats_of(recorder).t == 14.5


def test_hidden_delay_shows_as_backlog_for_live_streams_only(recorder: Recorder, clock: ManualClock) -> None:
    for session in (CALL, FILE):
        for number in range(60):
            late_ns = number * 5 * NS_PER_MS  # each frame is held up 5 ms longer than the one before
            recorder.frame_received(
                session, frame(arrived_ns=round(number / 30 * NS_PER_S) + late_ns, media_s=number / 30)
            )
    assert stats_of(recorder).backlog_ms == pytest.approx(295, abs=1)
    assert stats_of(recorder, "c2").backlog_ms == 0


def test_figures_are_worked_out_five_times_a_second_however_often_asked(
    recorder: Recorder, clock: ManualClock
) -> None:
    recorder.frame_received(CALL, frame())
    first = stats_of(recorder)
    recorder.frame_received(CALL, frame())
    clock.advance(ms=199)
    assert stats_of(recorder) is first
    clock.advance(ms=1)
    assert stats_of(recorder).received == 2


def test_sessions_do_not_mix_and_are_forgotten_when_they_end(recorder: Recorder) -> None:
    recorder.session_changed(FILE, "live")
    recorder.frame_received(FILE, frame())
    assert stats_of(recorder).received == 0
    assert stats_of(recorder, "c2").received == 1
    recorder.session_changed(FILE, "ended", "the file is over")
    assert recorder.stats("c2") is None
    assert recorder.sessions == ("c1",)
    assert recorder.stats("never seen") is None
