"""Alarms as Microsoft Graph reports: bodies for ``POST .../participants/{id}/reportSyntheticMedia`` (beta).

Field names and rules are those of the Graph reference of 2026-06-15: at most one report a minute and participant,
and only on meaningful changes; times of a segment are whole seconds, and 0 for a recording. Nothing is sent from
here; that takes a bot admitted to the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from stream_guard.clock import NS_PER_S, seconds
from stream_guard.scoring.observation import EventKind, ScoreEvent

__all__ = ["GraphExport", "GraphReport", "Media"]

_EVERY_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Media:
    """What was watched. None or 0 where it is not known.

    Attributes:
        mime_type: for instance ``video/h264``.
        codec, frame_rate, kbps: of the video as it arrived.
        latency_ms: from a frame's arrival to its score.
        drop_rate: share of the frames that were not scored, 0 to 1.
        jitter_ms: how unevenly they arrived.
        live: whether it was watched as it happened.
    """

    mime_type: str = "video/mp4"
    codec: str = ""
    frame_rate: float = 0.0
    kbps: float | None = None
    latency_ms: float = 0.0
    drop_rate: float = 0.0
    jitter_ms: float = 0.0
    live: bool = True


class GraphReport(NamedTuple):
    """One report: on whom, and the body of the request."""

    participant: str
    body: dict[str, Any]


@dataclass(slots=True)
class _Participant:
    """What is to be said of one participant, and what was said last."""

    event: ScoreEvent
    media: Media
    since_ns: int
    alarm: bool
    reported: bool = False
    reported_ns: int | None = None


class GraphExport:
    """Turns alarm events into report bodies, no more often than Graph allows.

    A change within the minute is held back; if it is undone meanwhile, nothing is reported. A cleared alarm is
    reported too, because the roster shows the newest report. Memory: the participants with an alarm, or with a
    report less than a minute ago.
    """

    def __init__(self, model: str, *, every_ns: int = _EVERY_NS, new_id: Callable[[], UUID] = uuid4) -> None:
        """Open the export.

        Args:
            model: the detector's name and version.
            every_ns: least time between two reports on one participant.
            new_id: makes the GUID of a report.
        """
        self._model = model
        self._every_ns = every_ns
        self._new_id = new_id
        self._participants: dict[str, _Participant] = {}

    def receive(self, participant: str, event: ScoreEvent, media: Media) -> None:
        """Take an event. Only raised and cleared alarms matter.

        Args:
            participant: the call's id of whoever the face belongs to.
            event: from scoring.
            media: what was watched.
        """
        if event.kind not in (EventKind.ALARM_RAISED, EventKind.ALARM_CLEARED):
            return
        alarm = event.kind is EventKind.ALARM_RAISED
        known = self._participants.get(participant)
        if known is None:
            if alarm:
                self._participants[participant] = _Participant(event, media, event.at_ns, alarm)
            return
        if alarm and not known.alarm:
            known.since_ns = event.at_ns
        known.event, known.media, known.alarm = event, media, alarm

    def take(self, now_ns: int, wall: datetime) -> list[GraphReport]:
        """Return what is to be reported now.

        Args:
            now_ns: now, on the events' time line.
            wall: now, with a time zone: when the detection was made.

        Raises:
            ValueError: ``wall`` has no time zone.
        """
        if wall.tzinfo is None:
            raise ValueError("the wall time needs a time zone")
        reports = []
        for name, known in list(self._participants.items()):
            if known.reported_ns is not None and now_ns - known.reported_ns < self._every_ns:
                continue
            if known.alarm != known.reported:
                reports.append(GraphReport(name, self._body(known, now_ns, wall)))
                known.reported, known.reported_ns = known.alarm, now_ns
            elif not known.alarm:
                del self._participants[name]
        return reports

    def _body(self, known: _Participant, now_ns: int, wall: datetime) -> dict[str, Any]:
        authenticity = known.event.authenticity
        # A face that has left clears its alarm without a score: nothing speaks for synthetic any more.
        confidence = round(1 - authenticity, 3) if authenticity is not None else 0.0
        return {
            "id": str(self._new_id()),
            "detectionDateTime": wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "severity": _severity(confidence),
            "overallConfidence": confidence,
            # Whether a picture is synthetic can be measured; what somebody means by it cannot.
            "isMalicious": False,
            "contentMetadata": _content(known, now_ns),
            "detections": [
                {
                    "modelName": self._model,
                    "modality": "video",
                    "modelTasks": ["faceSwap"],
                    "segment": _segment(known, now_ns),
                    "confidence": confidence,
                }
            ],
        }


def _segment(known: _Participant, now_ns: int) -> dict[str, Any]:
    """Return the stretch of the stream as `mediaSegment`: Int32 seconds, rounded outwards."""
    live = known.media.live
    return {
        "startTimeSec": math.floor(seconds(known.since_ns)) if live else 0,
        "endTimeSec": math.ceil(seconds(max(now_ns, known.since_ns))) if live else 0,
        "frameIndices": [],
    }


def _severity(confidence: float) -> str:
    if confidence >= 0.8:
        return "high"
    return "medium" if confidence >= 0.5 else "low"


def _content(known: _Participant, now_ns: int) -> dict[str, Any]:
    media = known.media
    video: dict[str, Any] = {"codec": media.codec, "frameRate": media.frame_rate}
    if media.kbps is not None:
        video["bitrateKbps"] = round(media.kbps)
    content: dict[str, Any] = {
        "modality": "video",
        "isRealTime": media.live,
        "mimeType": media.mime_type,
        "byteSize": 0,
        "duration": round(seconds(max(0, now_ns - known.since_ns))),
        "videoMetadata": video,
    }
    if media.live:
        content["streamingMetadata"] = {
            "latencyMs": round(media.latency_ms),
            "frameDropRate": round(media.drop_rate, 3),
            "networkJitterMs": round(media.jitter_ms),
        }
    return content
