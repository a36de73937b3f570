"""What the budget allows for one frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DropCause", "Plan", "Skip"]


class DropCause(StrEnum):
    """Why a frame was not looked at. The value is what goes over the wire and into the metrics."""

    SUPERSEDED = "superseded"
    """A newer frame overwrote it in the slot."""
    EXPIRED = "expired"
    """It was past its deadline when its turn came."""
    YIELDED = "yielded"
    """Its faces had their rate, and other streams kept the machine busy."""
    FAILED = "failed"
    """Something inside failed on it: memory, the tracker, the engine. The next frames are looked at again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Work on this frame.

    Attributes:
        faces: how many faces to measure and score, at least 1; the rest keep their last box. The longest
            unmeasured go first.
        find: whether to look for new faces, where the tracker wants to.
        degraded: whether faces are left out on this frame.
    """

    faces: int
    find: bool = True
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave this frame."""

    cause: DropCause
