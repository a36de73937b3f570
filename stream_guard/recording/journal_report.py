"""A report from a session's journal: what was written down, and the faces that were kept at alarms."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.models.manifest import Manifest
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.protocol.graph import GraphExport, GraphReport, Media
from stream_guard.protocol.messages import Event, Scores, Session, TransportReport
from stream_guard.recording.archive import EVIDENCE
from stream_guard.recording.compose import recording, report, settings
from stream_guard.recording.document import Report
from stream_guard.recording.line import Line
from stream_guard.recording.moments import Moment, MomentKind
from stream_guard.recording.replay import Replay
from stream_guard.recording.session_record import Snapshot
from stream_guard.recording.trace import Trace
from stream_guard.scoring.observation import EventKind, ScoreEvent

__all__ = ["JournalReport"]

_PICTURE = re.compile(rf"{EVIDENCE}/(\d+\.\d{{3}})s-face(\d+)\.jpg")
_LARGEST_PICTURE = 1 << 20
_MOST_MOMENTS = 60
_ALARMS = {
    EventKind.ALARM_RAISED: MomentKind.ALARM_RAISED,
    EventKind.ALARM_CLEARED: MomentKind.ALARM_CLEARED,
}


class JournalReport:
    """Reads a session's journal once; `report` and `graph` then say what was in it."""

    def __init__(self, folder: Path) -> None:
        """Read.

        Args:
            folder: of one session.

        Raises:
            ConfigError: the folder cannot be read, or holds no journal.
        """
        self._folder = folder
        self._trace = Trace()
        self._moments: list[Moment] = []
        self._info = SessionInfo(id="", kind="webrtc", label=folder.name, live=True)
        self._began: datetime | None = None
        self._engines: list[str] = []
        self._transport = TransportReport(codec="", width=0, height=0, fps=0)
        self._scored = 0
        self._frame = -1
        self._graph: list[GraphReport] = []
        self._export: GraphExport | None = None
        replay = Replay(folder)
        torn = 0
        for line in replay:
            self._take(line)
            torn = replay.torn
        # A torn line in the middle is among those missing, by its number; nothing comes after one at the end.
        self._lost = replay.missing + replay.torn - torn
        if replay.header is None:
            raise ConfigError(f"{folder} says nothing of the model that scored")
        self._header = replay.header

    def report(self, manifest: Manifest | None = None) -> Report:
        """Return the report.

        Args:
            manifest: of a model that may be the one that scored; it is left out where it is not.
        """
        model = self._header.model
        known = manifest if manifest is not None and manifest.sha256 == model.sha256 else None
        snapshot = Snapshot(
            info=self._info,
            began=self._began,
            length_s=self._trace.last_s,
            points={face: one.points() for face, one in sorted(self._trace.faces.items())},
            faces_seen=self._trace.faces_seen,
            alarmed=self._trace.alarmed,
            events=tuple(self._trace.events),
            transports=tuple(self._trace.transports),
            moments=tuple(self._moments[-_MOST_MOMENTS:]),
            moments_kept=True,
            received=0,
            scored=self._scored,
            dropped={},
            jitter_ms=None,
            engines=tuple(self._engines),
        )
        broken = f"lines missing from its journal: {self._lost}" if self._lost else None
        made = recording(snapshot, broken=broken).model_copy(update={"source": "journal", "received": None})
        return report(
            [made],
            model=f"{model.name} {model.version}",
            model_sha256=model.sha256,
            manifest=known,
            settings=settings(known, false_alarms_per_hour=None, engine=self._header.engine),
        )

    def graph(self) -> list[GraphReport]:
        """Return what was to be reported to Microsoft Graph."""
        return list(self._graph)

    def _take(self, line: Line) -> None:
        at = _time(line.at)
        if line.header is not None:
            if line.header.engine and line.header.engine not in self._engines:
                self._engines.append(line.header.engine)
            if self._export is None:
                self._export = GraphExport(f"{line.header.model.name} {line.header.model.version}")
        message = line.message
        if isinstance(message, Session):
            self._info = SessionInfo(message.session, message.kind, message.label, message.kind != "file")
            self._began = self._began or at
        elif isinstance(message, Scores):
            # The same frame again is what a silence changed.
            looked, self._frame = message.frame != self._frame, message.frame
            self._scored += looked
            self._transport = message.transport
            self._trace.add(message.t, message.faces, (), message.transport, looked=looked)
            self._report(message.t, at)
        elif isinstance(message, Event):
            self._trace.add(message.t, (), (message,), None)
            self._alarm(message, at)
        elif line.evidence is not None:
            self._picture(line.evidence)

    def _alarm(self, event: Event, at: datetime | None) -> None:
        kind = _ALARMS.get(event.kind)
        if kind is None or event.face is None:
            return
        self._moments.append(
            Moment(
                n=len(self._moments) + 1,
                kind=kind,
                face=event.face,
                t=event.t,
                at=at,
                frame=0,
                note="" if event.authenticity is None else f"authenticity {event.authenticity:.2f}",
                score=None,
                transport=self._transport,
                engine=self._engines[-1] if self._engines else "",
            )
        )
        if self._export is not None:
            way = self._transport
            media = Media(
                mime_type=f"video/{way.codec.lower()}" if way.codec else "video/mp4",
                codec=way.codec,
                frame_rate=way.fps,
                kbps=way.kbps,
                live=self._info.live,
            )
            at_ns = round(event.t * NS_PER_S)
            said = ScoreEvent(event.kind, at_ns, event.face, event.previous, event.state, event.authenticity)
            self._export.receive(f"face {event.face}", said, media)
            self._report(event.t, at)

    def _report(self, at_s: float, at: datetime | None) -> None:
        """Take what is to be reported by now: what is held back within a minute is due without another event."""
        if self._export is not None and at is not None:
            self._graph += self._export.take(round(at_s * NS_PER_S), at)

    def _picture(self, path: str) -> None:
        """Give a picture to the alarm it was kept for. The path comes from a file: only our own kind is opened."""
        match = _PICTURE.fullmatch(path)
        if match is None:
            return
        t, face = float(match[1]), int(match[2])
        for moment in reversed(self._moments):
            if moment.face == face and abs(moment.t - t) < 0.1 and moment.kind is MomentKind.ALARM_RAISED:
                try:
                    with (self._folder / path).open("rb") as file:
                        data = file.read(_LARGEST_PICTURE)
                except OSError:
                    return
                if data.startswith(b"\xff\xd8"):
                    moment.wide = data
                return


def _time(at: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return None
    return when if when.tzinfo is not None else None
