"""What is said of a whole recording once it has been seen."""

from __future__ import annotations

from dataclasses import dataclass

from stream_guard.scoring.observation import State
from stream_guard.scoring.smoothing import sigmoid
from stream_guard.scoring.verdict import VerdictSettings

__all__ = ["ClipPool", "FacePool", "Summary"]

_KEPT = 64
"""Faces that are remembered, those seen longest."""

_PASSING = 0.25
"""A face that was seen for less than this share of the longest one's looks is passing by."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One clip.

    Attributes:
        authenticity: of its least authentic face that was there long enough, 0 to 1; None where no face was.
        state: synthetic if an alarm was raised at any time, even where the clip as a whole leans to authentic.
        faces: how many appeared.
        frames: how many were looked at.
        scored: on how many of them at least one face was scored.
    """

    authenticity: float | None
    state: State
    faces: int
    frames: int
    scored: int


class FacePool:
    """All evidence on one face, nothing forgotten. Two numbers."""

    __slots__ = ("_sum", "looks")

    def __init__(self) -> None:
        self.looks = 0.0
        self._sum = 0.0

    def add(self, llr: float, weight: float) -> None:
        """Take a scored frame: its clipped log-likelihood ratio, and how many looks it is worth."""
        self.looks += weight
        self._sum += weight * llr

    @property
    def llr(self) -> float:
        """The mean; 0 without evidence."""
        return self._sum / self.looks if self.looks > 0 else 0.0


class ClipPool:
    """Joins the faces of a clip. One swapped face makes the clip, so the worst face speaks for it."""

    def __init__(self, *, enough_looks: float, thresholds: VerdictSettings) -> None:
        """Open the pool.

        Args:
            enough_looks: a face with fewer says nothing.
            thresholds: for the state.
        """
        self._enough = enough_looks
        self._thresholds = thresholds
        self._gone: list[tuple[float, float]] = []

    def close(self, face: FacePool) -> None:
        """Take a face that is gone for good."""
        if face.looks >= self._enough:
            self._gone.append((face.looks, face.llr))
            if len(self._gone) > _KEPT:
                self._gone.remove(min(self._gone))

    def verdict(self, present: list[FacePool], *, alarmed: bool) -> tuple[float | None, State]:
        """Return the clip's authenticity and state, with the faces that are still there counted in."""
        known = [*self._gone, *((face.looks, face.llr) for face in present if face.looks >= self._enough)]
        if not known:
            return None, State.CANNOT_JUDGE
        longest = max(looks for looks, _ in known)
        worst = max(llr for looks, llr in known if looks >= _PASSING * longest)
        if alarmed or worst >= self._thresholds.rise:
            state = State.SYNTHETIC
        else:
            state = State.AUTHENTIC if worst < self._thresholds.fall else State.SUSPICIOUS
        return sigmoid(-worst), state
