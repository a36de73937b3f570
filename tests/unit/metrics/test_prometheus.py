"""Text for ``/metrics``, read back with prometheus-client's own parser."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from stream_guard.budget.plan import DropCause
from stream_guard.clock import NS_PER_MS
from stream_guard.face import Reason
from stream_guard.metrics.prometheus import PrometheusMetrics
from stream_guard.pipeline.observers import SessionInfo, Ticked
from stream_guard.scoring.observation import EventKind, State, Update
from tests.unit.metrics.happenings import CALL, FILE, event, face, frame, scored

pytestmark = pytest.mark.unit


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics()


def samples(metrics: PrometheusMetrics) -> dict[tuple[str, ...], float]:
    """Every value by its name and labels, without the moments at which counters began."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_frames_are_counted_by_kind_of_source_and_cause(metrics: PrometheusMetrics) -> None:
    for _ in range(3):
        metrics.frame_received(CALL, frame())
    metrics.frame_received(FILE, frame())
    metrics.frame_dropped(CALL, DropCause.SUPERSEDED, 2)
    metrics.frame_scored(CALL, scored(degraded=True))
    found = samples(metrics)
    assert found["stream_guard_frames_received_total", "webrtc"] == 3
    assert found["stream_guard_frames_received_total", "file"] == 1
    assert found["stream_guard_frames_dropped_total", "superseded", "webrtc"] == 2
    assert found["stream_guard_frames_scored_total", "webrtc"] == 1
    assert found["stream_guard_frames_degraded_total", "webrtc"] == 1


def test_stages_are_histograms_in_seconds(metrics: PrometheusMetrics) -> None:
    for duration_ms in (4, 40, 400):
        metrics.stage_done(CALL, "infer", duration_ms * NS_PER_MS)
    found = samples(metrics)
    assert found["stream_guard_stage_seconds_count", "infer"] == 3
    assert found["stream_guard_stage_seconds_sum", "infer"] == pytest.approx(0.444)
    assert found["stream_guard_stage_seconds_bucket", "0.05", "infer"] == 2


def test_faces_states_and_reasons_of_the_newest_frame(metrics: PrometheusMetrics) -> None:
    metrics.frame_scored(CALL, scored(face(State.AUTHENTIC), face(State.AUTHENTIC)))
    metrics.frame_scored(
        CALL,
        scored(
            face(State.SYNTHETIC),
            face(State.CANNOT_JUDGE, Reason.DARK),
            events=(event(EventKind.ALARM_RAISED, State.SYNTHETIC),),
            arrived_ns=0,
            scored_ns=25 * NS_PER_MS,
        ),
    )
    metrics.ticked(CALL, Ticked(at_s=2.0, update=Update(events=(event(EventKind.STALE),))))
    found = samples(metrics)
    assert found["stream_guard_session_faces", "c1", "authentic"] == 0
    assert found["stream_guard_session_faces", "c1", "synthetic"] == 1
    assert found["stream_guard_session_latency_seconds", "c1"] == pytest.approx(0.025)
    assert found["stream_guard_faces_not_judged_total", "dark"] == 1
    assert found["stream_guard_faces_not_judged_total", "blurred"] == 0
    assert found["stream_guard_events_total", "alarm_raised", "synthetic"] == 1
    assert found["stream_guard_events_total", "stale", ""] == 1


def test_running_sessions_follow_their_states(metrics: PrometheusMetrics) -> None:
    metrics.session_changed(CALL, "connecting")
    metrics.session_changed(CALL, "live")
    metrics.session_changed(FILE, "live")
    metrics.session_changed(CALL, "stale")
    found = samples(metrics)
    assert found["stream_guard_sessions_running", "webrtc", "stale"] == 1
    assert found["stream_guard_sessions_running", "webrtc", "live"] == 0
    assert found["stream_guard_sessions_total", "webrtc"] == 1
    for session in (CALL, FILE):
        metrics.session_changed(session, "ended")
    running = {key: value for key, value in samples(metrics).items() if key[0] == "stream_guard_sessions_running"}
    assert set(running.values()) == {0}


def test_a_thousand_calls_leave_as_little_behind_as_one(metrics: PrometheusMetrics) -> None:
    sizes = []
    for number in range(1000):
        session = SessionInfo(id=f"c{number}", kind="webrtc", label=f"caller {number}", live=True)
        metrics.session_changed(session, "live")
        metrics.frame_received(session, frame())
        metrics.stage_done(session, "total", NS_PER_MS)
        metrics.frame_scored(session, scored(face(State.AUTHENTIC)))
        metrics.session_changed(session, "ended")
        if number in (0, 999):
            sizes.append(len(samples(metrics)))
            assert not [key for key in samples(metrics) if session.id in key]
    assert sizes[0] == sizes[1]


def test_faces_of_a_silent_stream_are_shown_as_stale(metrics: PrometheusMetrics) -> None:
    metrics.frame_scored(CALL, scored(face(State.AUTHENTIC)))
    metrics.ticked(CALL, Ticked(at_s=2.0, update=Update(faces=(face(State.STALE),))))
    found = samples(metrics)
    assert found["stream_guard_session_faces", "c1", "authentic"] == 0
    assert found["stream_guard_session_faces", "c1", "stale"] == 1


def test_ending_without_having_begun_or_scored_is_fine(metrics: PrometheusMetrics) -> None:
    metrics.session_changed(CALL, "ended")
    metrics.session_changed(FILE, "live")
    metrics.session_changed(FILE, "ended")
    assert samples(metrics)["stream_guard_sessions_running", "file", "live"] == 0


def test_names_of_people_are_in_no_label(metrics: PrometheusMetrics) -> None:
    metrics.session_changed(CALL, "live")
    metrics.frame_scored(CALL, scored(face(State.AUTHENTIC)))
    assert CALL.label.encode() not in metrics.text()


def test_the_process_wide_registry_is_left_alone(metrics: PrometheusMetrics) -> None:
    PrometheusMetrics()  # a second one is fine too
    assert not [family for family in REGISTRY.collect() if family.name.startswith("stream_guard")]
