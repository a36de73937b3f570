"""Moments in which the face was lost or taken for another one: swaps are weakest there, and real faces fail too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.face import Reason

__all__ = ["Lapse", "LapseKind", "Lapses"]

_MOST = 32
"""Lapses that are remembered of one action."""


class LapseKind(StrEnum):
    """What happened. The value is what goes over the wire."""

    GONE = "gone"
    """No face was there."""
    TURNED_AWAY = "turned_away"
    """A face was there without landmarks: it had turned too far."""
    COVERED = "covered"
    """A face was there without landmarks: something hid it, or a swap fell apart."""
    OTHER_FACE = "other_face"
    """Another face took its place: it looked different from one frame to the next, or came back elsewhere."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """One of them, on the session's time line.

    Attributes:
        until_ns: when the face was back; the last frame seen while it is not.
    """

    kind: LapseKind
    since_ns: int
    until_ns: int


class Lapses:
    """Collects the lapses of one action."""

    def __init__(self, face: int | None) -> None:
        """Begin with the id that the face goes by."""
        self._face = face
        self._open: LapseKind | None = None
        self._found: list[Lapse] = []

    @property
    def found(self) -> tuple[Lapse, ...]:
        """All of them, in order of time."""
        return tuple(self._found)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame; one on which it was not the face's turn tells nothing."""
        if glimpse.face is not None and not glimpse.measured:
            return
        kind = _kind(glimpse)
        if self._open is not None:  # the frame that ends a lapse is a part of its length
            last = self._found[-1]
            if last.kind is self._open:
                self._found[-1] = Lapse(last.kind, last.since_ns, glimpse.at_ns)
        if glimpse.face is not None and self._face is not None and glimpse.face != self._face:
            self._note(Lapse(LapseKind.OTHER_FACE, glimpse.at_ns, glimpse.at_ns))
            self._open = None  # what the other face fails to show is told as its own
        self._face = glimpse.face if glimpse.face is not None else self._face
        if kind is not None and kind is not self._open:
            self._note(Lapse(kind, glimpse.at_ns, glimpse.at_ns))
        self._open = kind

    def _note(self, lapse: Lapse) -> None:
        if len(self._found) < _MOST:
            self._found.append(lapse)


def _kind(glimpse: Glimpse) -> LapseKind | None:
    """Return how the face fails to show on this frame."""
    if glimpse.face is None:
        return LapseKind.GONE
    if glimpse.pose is not None:
        return None
    return LapseKind.COVERED if Reason.COVERED in glimpse.reasons else LapseKind.TURNED_AWAY
