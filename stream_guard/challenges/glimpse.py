"""What one frame shows of the face that was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box, Pose, Reason

__all__ = ["Glimpse"]


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """One frame.

    Attributes:
        at_ns: its place on the session's time line.
        face: the id the face goes by now; None while it is not there.
        box: as fractions of the frame; None while it is not there.
        pose: None where there are no landmarks.
        skin: what the parts of the face look like: float32, shape (rows, columns, channels), from
            `stream_guard.faces.skin.skin_map`; None where there are no landmarks.
        measured: whether this very frame was looked at: where faces take turns, not every one is.
        reasons: why it could not be judged.
        llr: log-likelihood ratio, positive leans to synthetic; None where the frame was not scored.
    """

    at_ns: int
    face: int | None = None
    box: Box | None = None
    pose: Pose | None = None
    skin: NDArray[np.float32] | None = None
    measured: bool = True
    reasons: tuple[Reason, ...] = ()
    llr: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the face is there and it was simply not its turn to be measured: such a frame tells nothing."""
        hidden = Reason.COVERED in self.reasons or Reason.TURNED_AWAY in self.reasons
        return self.face is not None and not self.measured and not hidden

    @property
    def shows(self) -> bool:
        """Whether the face's landmarks were seen on this frame."""
        return self.measured and self.pose is not None and self.box is not None
