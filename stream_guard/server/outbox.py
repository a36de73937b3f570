"""What waits to be sent to one client. Pure: told the time, and takes no part in sending."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stream_guard.clock import NS_PER_S
from stream_guard.protocol.messages import Challenge, Rehearsal, Scores, ServerMessage, Session, Stats, Subscribe

__all__ = ["Outbox"]

_LONGEST_GAP_NS = 365 * 24 * 3600 * NS_PER_S
"""The smallest rate that JSON can write makes an infinite gap, which is no number of nanoseconds."""


@dataclass(slots=True)
class _Waiting:
    order: int
    text: str


class Outbox:
    """Newest wins for scores, stats, challenges and rehearsals, one of each a session: each tells all of it.

    All else is kept, in order, up to a number.

    `take` hands out what may go, in the order in which it came; what was overwritten takes its successor's place.
    Everybody's outbox shares one text, so a message is encoded once however many listen.

    Attributes:
        superseded: how many scores messages a newer one took the place of before they were sent.
        overflowed: why the client must be cut off, or None. From then on the outbox is empty: a client that
            would miss an event must not go on as if it had not.
    """

    def __init__(self, *, max_events: int = 1000) -> None:
        """Open an empty outbox whose client wants everything.

        Args:
            max_events: how many messages that must not be lost may wait. A busy stream makes a few a second.

        Raises:
            ValueError: ``max_events`` is below 1.
        """
        if max_events < 1:
            raise ValueError("max_events must be at least 1")
        self.superseded = 0
        self.overflowed: str | None = None
        self._max_events = max_events
        self._wish = Subscribe(sessions=None, types=None, max_rate=None)
        self._order = 0
        self._events: deque[_Waiting] = deque()
        self._scores: dict[str, _Waiting] = {}
        self._stats: dict[tuple[str, str], _Waiting] = {}
        self._not_before: dict[str, int] = {}
        self._due_ns: int | None = None

    @property
    def due_ns(self) -> int | None:
        """When scores that the last `take` held back may go; None where nothing was held back."""
        return self._due_ns

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._events or self._scores or self._stats)

    def subscribe(self, wish: Subscribe) -> None:
        """Take a client's wish. What it no longer wants is forgotten, but for events that wait."""
        self._wish = wish
        self._not_before.clear()
        for session in list(self._scores):
            if not self._wants("scores", session):
                del self._scores[session]
        for kind, session in list(self._stats):
            if not self._wants(kind, session):
                del self._stats[kind, session]

    def offer(self, message: ServerMessage, text: str, now_ns: int) -> None:
        """Take a message, if the client wants it.

        Args:
            message: what it says.
            text: the same, encoded.
            now_ns: now.
        """
        session = getattr(message, "session", None)
        if self.overflowed is not None or not self._wants(message.type, session):
            return
        self._order += 1
        waiting = _Waiting(self._order, text)
        if isinstance(message, Scores):
            self.superseded += message.session in self._scores
            self._scores[message.session] = waiting
        elif isinstance(message, Stats | Challenge | Rehearsal):
            self._stats[message.type, message.session] = waiting
        else:
            self._keep(waiting)
            if isinstance(message, Session) and message.state == "ended":
                # Nothing newer will come: its last scores need not wait for their turn.
                self._not_before.pop(message.session, None)

    def take(self, now_ns: int) -> list[str]:
        """Return what may go now, and forget it."""
        out = [*self._events, *self._stats.values(), *self._due_scores(now_ns)]
        self._events.clear()
        self._stats.clear()
        return [waiting.text for waiting in sorted(out, key=lambda waiting: waiting.order)]

    def _wants(self, kind: str, session: str | None) -> bool:
        wish = self._wish
        if kind in ("hello", "engine"):  # whoever listens must know what gives the scores
            return True
        here = session is None or wish.sessions is None or session in wish.sessions  # without one: it concerns all
        return here and (wish.types is None or kind in wish.types)

    def _keep(self, waiting: _Waiting) -> None:
        """Add a message that must not be lost, or give the client up."""
        if len(self._events) < self._max_events:
            self._events.append(waiting)
            return
        self.overflowed = f"too slow: {self._max_events} events wait already"
        for kept in (self._events, self._scores, self._stats, self._not_before):
            kept.clear()
        self._due_ns = None

    def _due_scores(self, now_ns: int) -> list[_Waiting]:
        """Take out the scores that the rate limit lets go; remember when the next may."""
        # Sessions whose time has come need no entry: this keeps the table as small as what was just sent.
        self._not_before = {session: ns for session, ns in self._not_before.items() if ns > now_ns}
        due = [session for session in self._scores if session not in self._not_before]
        out = [self._scores.pop(session) for session in due]
        if self._wish.max_rate is not None:
            gap_ns = round(min(NS_PER_S / self._wish.max_rate, _LONGEST_GAP_NS))
            self._not_before.update((session, now_ns + gap_ns) for session in due)
        self._due_ns = min((self._not_before[session] for session in self._scores), default=None)
        return out
