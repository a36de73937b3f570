"""Everything a report needs of one session, collected while it runs."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause
from stream_guard.clock import NS_PER_S, ms
from stream_guard.face import Face
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo, Ticked
from stream_guard.protocol.codec import event_message
from stream_guard.protocol.graph import GraphExport, GraphReport, Media
from stream_guard.protocol.messages import Event, TransportReport
from stream_guard.recording.moments import Moment, MomentKind, Moments
from stream_guard.recording.trace import POINT, Trace, TransportChange
from stream_guard.scoring.observation import ScoreEvent, Update

__all__ = ["SessionRecord", "Snapshot", "cutter"]

_GRAPH_REPORTS = 100
_LATENCY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as it stood at one moment: nothing in it changes any more.

    Attributes:
        began: wall time; None for a recording.
        length_s: the newest moment on its time line.
        points: of each face, oldest first; dtype `stream_guard.recording.trace.POINT`.
        faces_seen: how many there ever were.
        alarmed: whether an alarm was ever raised; of the events only the newest are here.
        received, scored: frames.
        dropped: frames by cause.
        jitter_ms: of arriving frames (RFC 3550, section 6.4.1, with frames for packets); None for a recording.
        engines: that computed scores, in order.
    """

    info: SessionInfo
    began: datetime | None
    length_s: float
    points: dict[int, NDArray[Any]]
    faces_seen: int
    alarmed: bool
    events: tuple[Event, ...]
    transports: tuple[TransportChange, ...]
    moments: tuple[Moment, ...]
    moments_kept: bool
    received: int
    scored: int
    dropped: dict[DropCause, int]
    jitter_ms: float | None
    engines: tuple[str, ...]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SessionRecord:
    """Collects one session. Its methods return at once; memory is bounded by those of `Trace` and `Moments`."""

    def __init__(
        self,
        info: SessionInfo,
        *,
        model: str,
        engine: Callable[[], str],
        crop: Callable[[NDArray[np.uint8], Face], tuple[bytes, bytes]] | None,
        executor: Executor | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Begin.

        Args:
            info: who the session is.
            model: name and version, for Graph reports.
            engine: that computes scores now.
            crop: cuts out faces for moments; None keeps no moments.
            executor: does the cutting.
            now: wall time, for live sessions.
        """
        self.info = info
        self._now = now
        self._began = now() if info.live else None
        self._engine = engine
        self._engines: list[str] = []
        self._trace = Trace()
        self.moments = Moments(crop, executor) if crop is not None else None
        self._last: Scored | None = None
        self._graph = GraphExport(model)
        self._graph_reports: deque[GraphReport] = deque(maxlen=_GRAPH_REPORTS)
        self._received = self._scored = 0
        self._dropped: Counter[DropCause] = Counter()
        self._transit_ns: int | None = None
        self._jitter_ns = 0.0
        self._latency_ms = 0.0

    @property
    def empty(self) -> bool:
        """Whether no frame came yet."""
        return not (self._received or self._scored)

    def received(self, frame: Frame, missed: int) -> None:
        """Take note of a frame, and of those passed over before it."""
        self._received += 1 + missed
        if not self.info.live:
            return
        transit_ns = frame.arrived_ns - round(frame.media_s * NS_PER_S)
        if self._transit_ns is not None:
            self._jitter_ns += (abs(transit_ns - self._transit_ns) - self._jitter_ns) / 16
        self._transit_ns = transit_ns

    def dropped(self, cause: DropCause, count: int) -> None:
        """Take note of frames that will not be scored."""
        self._dropped[cause] += count

    def scored(self, scored: Scored) -> None:
        """Take one frame's result."""
        self._last = scored
        self._scored += 1
        took_ms = ms(max(0, scored.scored_ns - scored.frame.arrived_ns))
        self._latency_ms += (took_ms - self._latency_ms) * (_LATENCY_SHARE if self._scored > 1 else 1)
        engine = self._engine()
        if engine and engine not in self._engines:
            self._engines.append(engine)
        self._take(scored.update, scored.at_s, scored)
        if self.moments is not None:
            self.moments.see(scored, self._wall(), _transport(scored), engine)

    def ticked(self, ticked: Ticked) -> None:
        """Take what changed in a silence."""
        if self._last is not None:
            self._take(ticked.update, ticked.at_s, self._last, looked=False)

    def ended(self) -> None:
        """Let the last frame go."""
        self._last = None

    def keep(self, face: int | None, kind: MomentKind, note: str) -> int | None:
        """Keep this moment; returns its number, None where moments are not kept or there is no picture yet."""
        if self.moments is None or self._last is None:
            return None
        return self.moments.keep(kind, face, note, self._last, self._wall(), _transport(self._last), self._engine())

    def graph_reports(self) -> tuple[GraphReport, ...]:
        """Return what was to be reported to Microsoft Graph so far, the newest hundred."""
        return tuple(self._graph_reports)

    def points(self, face: int) -> NDArray[Any]:
        """Return a face's points, oldest first: dtype `stream_guard.recording.trace.POINT`; none where unknown."""
        known = self._trace.faces.get(face)
        return np.empty(0, POINT) if known is None else known.points()

    def snapshot(self) -> Snapshot:
        """Return the session as it stands; to be called where it is written, the result may go to a thread."""
        trace = self._trace
        return Snapshot(
            info=self.info,
            began=self._began,
            length_s=trace.last_s,
            points={face: one.points() for face, one in sorted(trace.faces.items())},
            faces_seen=trace.faces_seen,
            alarmed=trace.alarmed,
            events=tuple(trace.events),
            transports=tuple(trace.transports),
            moments=self.moments.all() if self.moments is not None else (),
            moments_kept=self.moments is not None,
            received=self._received,
            scored=self._scored,
            dropped=dict(self._dropped),
            jitter_ms=self._jitter_ns / 1e6 if self.info.live else None,
            engines=tuple(self._engines),
        )

    def _take(self, update: Update, at_s: float, scored: Scored, *, looked: bool = True) -> None:
        events = [event_message(self.info.id, event) for event in update.events]
        self._trace.add(at_s, update.faces, events, _transport(scored), looked=looked)
        self._report(update.events, at_s, scored)

    def _report(self, events: tuple[ScoreEvent, ...], at_s: float, scored: Scored) -> None:
        """Hand alarms to the Graph export, and take what is due. A participant is a face: no more is known here."""
        for event in events:
            if event.face is not None:
                self._graph.receive(f"face {event.face}", event, self._media(scored))
        self._graph_reports.extend(self._graph.take(round(at_s * NS_PER_S), self._now()))

    def _media(self, scored: Scored) -> Media:
        transport = scored.transport
        lost = sum(self._dropped.values())
        return Media(
            mime_type=f"video/{transport.codec.lower()}" if transport.codec else "video/mp4",
            codec=transport.codec,
            frame_rate=round(transport.fps, 1),
            kbps=transport.kbps,
            latency_ms=self._latency_ms,
            drop_rate=lost / self._received if self._received else 0.0,
            jitter_ms=self._jitter_ns / 1e6,
            live=self.info.live,
        )

    def _wall(self) -> datetime | None:
        return self._now() if self.info.live else None


def cutter(*, size: int, margin: float) -> Callable[[NDArray[np.uint8], Face], tuple[bytes, bytes]]:
    """Return what cuts a face out as a model sees it, and wider.

    Args:
        size: side of the model's input in pixels.
        margin: the model's crop margin.
    """

    def crop(rgb: NDArray[np.uint8], face: Face) -> tuple[bytes, bytes]:
        from stream_guard.recording.picture import model_crop, wide_crop  # brings OpenCV

        return model_crop(rgb, face.box, size=size, margin=margin), wide_crop(rgb, face.box)

    return crop


def _transport(scored: Scored) -> TransportReport:
    transport = scored.transport
    return TransportReport(
        codec=transport.codec,
        width=transport.width,
        height=transport.height,
        fps=round(transport.fps, 1),
        kbps=None if transport.kbps is None else round(transport.kbps, 1),
        lost=transport.lost,
        evidence=round(scored.evidence, 2),
    )
