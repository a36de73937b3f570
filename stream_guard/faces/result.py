"""What the tracker says of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Face

__all__ = ["Tracked"]


@dataclass(frozen=True, slots=True)
class Tracked:
    """Every face that is being followed, after one frame.

    Attributes:
        faces: in order of id.
        cut: the picture changed so much that all earlier tracks were ended; told on the frame that settled it.
        find_ns: what looking for new faces took; 0 where it was not done.
        track_ns: what measuring the known faces took.
        measured: how many faces were measured, or tried in vain.
        measurable: how many would be, had the plan no limit.
        picture: float32, shape (144, 256): a small grey copy of the frame, in grey levels around zero; None where
            none was made.
    """

    faces: tuple[Face, ...]
    cut: bool
    find_ns: int
    track_ns: int
    measured: int
    measurable: int
    picture: NDArray[np.float32] | None = None
