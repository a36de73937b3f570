"""Counts and latencies of each running session, as the wire's ``stats`` message wants them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stream_guard.budget.lag import Lag
from stream_guard.budget.plan import DropCause
from stream_guard.clock import NS_PER_MS, Clock, ms
from stream_guard.frame import Frame
from stream_guard.metrics.latency import LatencyWindow, RateWindow
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Stage, Ticked
from stream_guard.protocol.messages import StageReport, Stats

__all__ = ["Recorder"]

_REFRESH_NS = 200 * NS_PER_MS
"""Percentiles and rates are worked out at most this often: they are asked for with every frame."""


@dataclass(slots=True)
class _Session:
    received: int = 0
    admitted: int = 0
    scored: int = 0
    dropped: Counter[DropCause] = field(default_factory=Counter)
    at_s: float = 0.0
    backlog_ns: int = 0
    lag: Lag = field(default_factory=Lag)
    incoming: RateWindow = field(default_factory=RateWindow)
    outgoing: RateWindow = field(default_factory=RateWindow)
    stages: dict[Stage, LatencyWindow] = field(default_factory=dict)
    report: Stats | None = None
    reported_ns: int = 0


class Recorder(Observer):
    """Watches all sessions; `stats` tells of one. A session's memory is let go when it ends."""

    def __init__(self, *, clock: Clock) -> None:
        """Start empty.

        Args:
            clock: for windows and rates.
        """
        self._clock = clock
        self._sessions: dict[str, _Session] = {}

    @property
    def sessions(self) -> tuple[str, ...]:
        """Ids of the sessions that are being recorded."""
        return tuple(self._sessions)

    def stats(self, session: str) -> Stats | None:
        """Return a session's counts, at most a fifth of a second old; None where it is not running.

        ``admitted`` are the frames that were given work to do. ``clients`` is not known here and is 0.
        """
        counts = self._sessions.get(session)
        if counts is None:
            return None
        now_ns = self._clock.now_ns()
        if counts.report is None or now_ns - counts.reported_ns >= _REFRESH_NS:
            counts.report, counts.reported_ns = _report(session, counts, now_ns), now_ns
        return counts.report

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Begin with the first change, forget with the last."""
        if state == "ended":
            self._sessions.pop(session.id, None)
        else:
            self._sessions.setdefault(session.id, _Session())

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        """Count it and those passed over before it, and see whether it was held up on the way."""
        counts = self._of(session)
        counts.received += 1 + missed
        counts.incoming.add(now_ns=self._clock.now_ns())
        if session.live:
            counts.backlog_ns = counts.lag.observe(frame.arrived_ns, frame.media_s)

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        """Count by cause."""
        counts = self._of(session)
        counts.dropped[cause] += count
        if cause is not DropCause.SUPERSEDED:
            counts.admitted -= count  # its wait was measured when its turn came, and then nothing came of it

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        """Take the duration. The end of ``wait`` is a frame's turn."""
        counts = self._of(session)
        window = counts.stages.get(stage)
        if window is None:
            window = counts.stages[stage] = LatencyWindow()
        window.add(duration_ns, now_ns=self._clock.now_ns())
        if stage == "wait":
            counts.admitted += 1

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Count it."""
        counts = self._of(session)
        counts.scored += 1
        counts.outgoing.add(now_ns=self._clock.now_ns())
        counts.at_s = scored.at_s

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Follow the session's time line through silence."""
        self._of(session).at_s = ticked.at_s

    def _of(self, session: SessionInfo) -> _Session:
        counts = self._sessions.get(session.id)
        if counts is None:  # not by `setdefault`, which makes one, with all its windows, a dozen times a frame
            counts = self._sessions[session.id] = _Session()
        return counts


def _report(session: str, counts: _Session, now_ns: int) -> Stats:
    stages: dict[str, StageReport] = {}
    for stage, window in counts.stages.items():
        told = window.percentiles(now_ns=now_ns)
        if told is not None:
            stages[stage] = StageReport(
                p50_ms=round(ms(told.p50_ns), 3),
                p95_ms=round(ms(told.p95_ns), 3),
                p99_ms=round(ms(told.p99_ns), 3),
                count=told.count,
            )
    return Stats(
        session=session,
        t=round(counts.at_s, 3),
        received=counts.received,
        admitted=counts.admitted,
        scored=counts.scored,
        dropped=dict(counts.dropped),
        fps_in=round(counts.incoming.per_second(now_ns=now_ns), 1),
        fps_scored=round(counts.outgoing.per_second(now_ns=now_ns), 1),
        stages=stages,
        backlog_ms=round(ms(counts.backlog_ns), 1),
    )
