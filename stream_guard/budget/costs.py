"""What the stages have cost lately."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Costs", "Estimate"]

_FRAME_STAGES = frozenset({"convert"})
_FACE_STAGES = frozenset({"track", "align", "infer"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a frame is likely to cost, in nanoseconds; 0 where nothing was measured yet.

    Attributes:
        frame_ns: whatever is done on it.
        find_ns: more, if new faces are looked for.
        face_ns: more, for each face that is measured and scored.
    """

    frame_ns: int = 0
    find_ns: int = 0
    face_ns: int = 0

    def faces_within(self, left_ns: int, *, find: bool) -> int | None:
        """Return how many faces fit into a time, 0 or more; None where their cost is not known."""
        if self.face_ns == 0:
            return None
        return max(0, left_ns - self.frame_ns - (self.find_ns if find else 0)) // self.face_ns


class Costs:
    """A recent quantile of every stage's duration. Bounded: ``window`` durations a stage."""

    def __init__(self, *, window: int = 30, quantile: float = 0.75) -> None:
        """Start without any measurement.

        Args:
            window: how many durations of a stage are kept; a second's worth at 30 fps.
            quantile: which of them stands for the stage. A high one plans for bad frames, and pays for it on
                all the others.

        Raises:
            ValueError: the window is empty, or the quantile outside 0 to 1.
        """
        if window < 1 or not 0 <= quantile <= 1:
            raise ValueError("window must be at least 1 and quantile between 0 and 1")
        self._window = window
        self._quantile = quantile
        self._recent: dict[str, deque[int]] = {}

    def record(self, stage: str, duration_ns: int, *, faces: int = 1) -> None:
        """Take the duration of one stage on one frame.

        Args:
            stage: ``convert``, ``find``, ``track``, ``align`` or ``infer``; others are not costs of work
                that could be left out, and are passed over.
            duration_ns: what it took.
            faces: over how many faces the work of ``track``, ``align`` and ``infer`` was spread. None: nothing
                can be learnt.
        """
        if stage in _FACE_STAGES:
            if faces < 1:
                return
            duration_ns = duration_ns // faces
        elif stage != "find" and stage not in _FRAME_STAGES:
            return
        self._recent.setdefault(stage, deque(maxlen=self._window)).append(duration_ns)

    def estimate(self) -> Estimate:
        """Return what the next frame is likely to cost."""
        return Estimate(
            frame_ns=sum(self._typical(stage) for stage in _FRAME_STAGES),
            find_ns=self._typical("find"),
            face_ns=sum(self._typical(stage) for stage in _FACE_STAGES),
        )

    def _typical(self, stage: str) -> int:
        durations = sorted(self._recent.get(stage, ()))
        return durations[round(self._quantile * (len(durations) - 1))] if durations else 0
