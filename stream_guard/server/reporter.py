"""Turns what happens in the pipeline into messages for the hub."""

from __future__ import annotations

from collections.abc import Callable

from stream_guard.clock import Clock, ms
from stream_guard.pipeline.observers import Fault, Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.protocol.codec import event_message, scores_message
from stream_guard.protocol.messages import BudgetReport, FaultReport, ServerMessage, Session, Stats, TransportReport
from stream_guard.scoring.observation import Update

__all__ = ["Reporter"]

_REASON = 300
"""What a client is told of a fault, in characters: an exception's message may be a page."""


class Reporter(Observer):
    """Publishes scores, events and changes of session as they happen."""

    def __init__(
        self,
        publish: Callable[[ServerMessage], None],
        *,
        stats: Callable[[str], Stats | None],
        budget_ms: float,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            publish: takes each message.
            stats: the newest counts of a session, or None.
            budget_ms: the target, for the budget report.
            clock: for ages.
        """
        self._publish = publish
        self._stats = stats
        self._budget_ms = budget_ms
        self._clock = clock
        self._last: dict[str, Scored] = {}

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Publish a session message."""
        if state == "ended":
            self._last.pop(session.id, None)
        self._publish(
            Session(session=session.id, state=state, kind=session.kind, label=session.label[:200], reason=reason)
        )

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Publish the events first, so a client that draws on scores already knows why."""
        self._last[session.id] = scored
        self._report(session, scored, scored.update, scored.at_s)

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Publish what changed in a silence: the faces of the last frame, now stale."""
        last = self._last.get(session.id)
        if last is not None:
            self._report(session, last, ticked.update, ticked.at_s)

    def fault(self, fault: Fault) -> None:
        """Publish what failed and was mended."""
        self._publish(FaultReport(session=fault.session, part=fault.part, reason=fault.reason[:_REASON]))

    def _report(self, session: SessionInfo, scored: Scored, update: Update, at_s: float) -> None:
        for event in update.events:
            self._publish(event_message(session.id, event))
        self._publish(
            scores_message(
                session.id,
                update,
                frame=scored.frame.sequence,
                t=at_s,
                age_ms=ms(self._clock.now_ns() - scored.frame.arrived_ns),
                budget=self._budget(session.id, degraded=scored.plan.degraded),
                transport=_transport(scored),
            )
        )

    def _budget(self, session: str, *, degraded: bool) -> BudgetReport:
        stats = self._stats(session)
        total = stats.stages.get("total") if stats else None
        return BudgetReport(
            target_ms=self._budget_ms,
            p95_ms=total.p95_ms if total else None,
            degraded=degraded,
            dropped=stats.dropped if stats else {},
        )


def _transport(scored: Scored) -> TransportReport:
    transport = scored.transport
    return TransportReport(
        codec=transport.codec,
        width=transport.width,
        height=transport.height,
        fps=round(transport.fps, 1),
        kbps=round(transport.kbps, 1) if transport.kbps is not None else None,
        lost=transport.lost,
        evidence=round(scored.evidence, 2),
    )
