"""How an action and the score went, thinned to what can be drawn."""

from __future__ import annotations

from dataclasses import dataclass

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.clock import NS_PER_MS
from stream_guard.scoring.smoothing import sigmoid

__all__ = ["Trace", "TracePoint"]

_GAP_NS = 150 * NS_PER_MS
_MOST = 1200
"""Three minutes: more than every action at its longest."""


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One moment.

    Attributes:
        at_ns: on the session's time line.
        step: number of the action that was asked for, from 0; None between actions.
        amount: how far it went; None between actions.
        authenticity: what the frames since the point before say, on average, 0 to 1; None where none was judged.
    """

    at_ns: int
    step: int | None
    amount: float | None
    authenticity: float | None


class Trace:
    """Collects points; every frame's score goes into one of them."""

    def __init__(self) -> None:
        self._points: list[TracePoint] = []
        self._llrs: list[float] = []

    @property
    def points(self) -> tuple[TracePoint, ...]:
        """All of them, in order of time."""
        return tuple(self._points)

    def add(self, glimpse: Glimpse, *, step: int | None, amount: float | None) -> None:
        """Take a frame."""
        if glimpse.llr is not None:
            self._llrs.append(glimpse.llr)
        due = not self._points or glimpse.at_ns - self._points[-1].at_ns >= _GAP_NS
        if not due or len(self._points) >= _MOST:
            return
        mean = sigmoid(-sum(self._llrs) / len(self._llrs)) if self._llrs else None
        self._points.append(TracePoint(glimpse.at_ns, step, amount, mean))
        self._llrs.clear()
