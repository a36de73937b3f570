"""Keeps the face at the moment an alarm is raised, for whoever asked for it."""

from __future__ import annotations

from stream_guard.pipeline.observers import Observer, Scored, SessionInfo
from stream_guard.recording.journal import Journal
from stream_guard.scoring.observation import EventKind

__all__ = ["Evidence"]


class Evidence(Observer):
    """Hands the frame of every alarm to a journal, which keeps the face on it if that was asked for."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Look for alarms."""
        raised = {event.face for event in scored.update.events if event.kind is EventKind.ALARM_RAISED}
        for face in scored.update.faces:
            if face.id in raised:
                self._journal.keep_face(session.id, face=face.id, t=scored.at_s, frame=scored.frame, box=face.box)
