import itertools
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.protocol.graph import GraphExport, Media
from stream_guard.scoring.observation import EventKind, ScoreEvent, State

pytestmark = pytest.mark.unit

WALL = datetime(2026, 11, 22, 9, 30, tzinfo=timezone(timedelta(hours=1)))
MEDIA = Media(
    mime_type="video/h264",
    codec="H264",
    frame_rate=29.9,
    kbps=2300.4,
    latency_ms=40.6,
    drop_rate=0.0123,
    jitter_ms=3.6,
)


def export() -> GraphExport:
    numbers = itertools.count(1)
    return GraphExport("lite0 1", new_id=lambda: UUID(int=next(numbers)))


def raised(at_s: float, authenticity: float = 0.1) -> ScoreEvent:
    return ScoreEvent(EventKind.ALARM_RAISED, round(at_s * NS_PER_S), 1, None, State.SYNTHETIC, authenticity)


def cleared(at_s: float, authenticity: float | None = 0.9) -> ScoreEvent:
    return ScoreEvent(EventKind.ALARM_CLEARED, round(at_s * NS_PER_S), 1, None, State.AUTHENTIC, authenticity)


def take(graph: GraphExport, at_s: float) -> list[tuple[str, float]]:
    reports = graph.take(round(at_s * NS_PER_S), WALL)
    return [(participant, body["overallConfidence"]) for participant, body in reports]


def test_an_alarm_is_a_report_with_graphs_field_names():
    graph = export()
    graph.receive("p", raised(12.5), MEDIA)
    ((participant, body),) = graph.take(14 * NS_PER_S, WALL)
    assert participant == "p"
    assert body == {
        "id": "00000000-0000-0000-0000-000000000001",
        "detectionDateTime": "2026-11-22T08:30:00Z",
        "severity": "high",
        "overallConfidence": 0.9,
        "isMalicious": False,
        "contentMetadata": {
            "modality": "video",
            "isRealTime": True,
            "mimeType": "video/h264",
            "byteSize": 0,
            "duration": 2,
            "videoMetadata": {"codec": "H264", "frameRate": 29.9, "bitrateKbps": 2300},
            "streamingMetadata": {"latencyMs": 41, "frameDropRate": 0.012, "networkJitterMs": 4},
        },
        "detections": [
            {
                "modelName": "lite0 1",
                "modality": "video",
                "modelTasks": ["faceSwap"],
                "segment": {"startTimeSec": 12, "endTimeSec": 14, "frameIndices": []},
                "confidence": 0.9,
            }
        ],
    }


def test_nothing_is_reported_twice():
    graph = export()
    graph.receive("p", raised(0), MEDIA)
    assert take(graph, 1) == [("p", 0.9)]
    graph.receive("p", raised(2), MEDIA)
    assert take(graph, 100) == []


def test_an_alarm_raised_again_began_when_it_began():
    graph = export()
    graph.receive("p", raised(1), MEDIA)
    graph.receive("p", raised(5), MEDIA)
    ((_, body),) = graph.take(6 * NS_PER_S, WALL)
    assert body["detections"][0]["segment"]["startTimeSec"] == 1.0


def test_a_change_within_the_minute_waits_for_its_end():
    graph = export()
    graph.receive("p", raised(0), MEDIA)
    take(graph, 0)
    graph.receive("p", cleared(10), MEDIA)
    assert take(graph, 59.9) == []
    assert take(graph, 60) == [("p", 0.1)]
    assert take(graph, 200) == []


def test_a_change_undone_within_the_minute_is_none():
    graph = export()
    graph.receive("p", raised(0), MEDIA)
    take(graph, 0)
    graph.receive("p", cleared(10), MEDIA)
    graph.receive("p", raised(20), MEDIA)
    assert take(graph, 60) == []


def test_each_participant_has_a_minute_of_their_own():
    graph = export()
    graph.receive("p", raised(0), MEDIA)
    take(graph, 0)
    graph.receive("q", raised(1, authenticity=0.35), MEDIA)
    ((participant, body),) = graph.take(NS_PER_S, WALL)
    assert (participant, body["severity"]) == ("q", "medium")


def test_a_face_that_left_withdraws_its_alarm():
    graph = export()
    graph.receive("p", raised(0), MEDIA)
    take(graph, 0)
    graph.receive("p", cleared(5, authenticity=None), MEDIA)
    assert take(graph, 60) == [("p", 0.0)]


def test_other_events_and_alarms_never_reported_say_nothing():
    graph = export()
    graph.receive("p", cleared(0), MEDIA)
    graph.receive("q", ScoreEvent(EventKind.FACE_LOST, 0, 1), MEDIA)
    graph.receive("r", raised(0), MEDIA)
    graph.receive("r", cleared(0.5), MEDIA)
    assert take(graph, 1) == []
    assert graph._participants == {}


def test_participants_are_forgotten_after_their_last_minute():
    graph = export()
    for i in range(100):
        graph.receive(str(i), raised(0), MEDIA)
        graph.receive(str(i + 1000), raised(0), MEDIA)
    take(graph, 0)
    for i in range(100):
        graph.receive(str(i), cleared(1), MEDIA)
    take(graph, 61)
    take(graph, 122)
    assert len(graph._participants) == 100


def test_recordings_have_no_streaming_figures():
    graph = export()
    graph.receive("p", raised(0), Media(live=False))
    ((_, body),) = graph.take(0, WALL)
    assert body["contentMetadata"]["isRealTime"] is False
    assert "streamingMetadata" not in body["contentMetadata"]
    assert "bitrateKbps" not in body["contentMetadata"]["videoMetadata"]


def test_a_recordings_segment_is_zero_and_a_live_ones_whole_seconds():
    for live, segment in ((False, (0, 0)), (True, (7, 10))):
        graph = export()
        graph.receive("p", raised(7.9), Media(live=live))
        ((_, body),) = graph.take(round(9.2 * NS_PER_S), WALL)
        found = body["detections"][0]["segment"]
        assert (found["startTimeSec"], found["endTimeSec"]) == segment
        assert all(type(found[name]) is int for name in ("startTimeSec", "endTimeSec")), "Int32 on the wire"


def test_ids_are_globally_unique_by_default():
    graph = GraphExport("m")
    graph.receive("p", raised(0), MEDIA)
    graph.receive("q", raised(0), MEDIA)
    ids = {UUID(body["id"]) for _, body in graph.take(0, datetime.now(UTC))}
    assert len(ids) == 2


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        export().take(0, datetime(2026, 1, 1))
