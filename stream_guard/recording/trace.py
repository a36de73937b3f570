"""One file's scores over time, and the moment that speaks most against each face."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.pipeline.observers import Scored
from stream_guard.scoring.observation import FaceScore, ScoreEvent, State

__all__ = ["FaceTrace", "FileTrace", "crop"]

_CROP_PX = 224


@dataclass
class FaceTrace:
    """One face.

    Attributes:
        times: seconds, one a scored frame.
        authenticity: 0 to 1, NaN where it could not be judged.
        low, high: the 95 % interval, NaN likewise.
        states: what was said.
        worst: lowest authenticity so far, None before there was any.
        worst_s: when that was, in seconds.
        crop: the face at that moment: JPEG, 224 px wide and high.
    """

    id: int
    times: list[float] = field(default_factory=list)
    authenticity: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    worst: float | None = None
    worst_s: float = 0.0
    crop: bytes = b""


class FileTrace:
    """Collects what a report needs while a file is scored. Memory grows by some 200 bytes a face and frame."""

    def __init__(self, file: str) -> None:
        """Begin with nothing.

        Args:
            file: its name, for people.
        """
        self.file = file
        self.faces: dict[int, FaceTrace] = {}
        self.events: list[ScoreEvent] = []

    def add(self, scored: Scored) -> None:
        """Take one frame's result."""
        self.events.extend(scored.update.events)
        for score in scored.update.faces:
            trace = self.faces.setdefault(score.id, FaceTrace(score.id))
            low, high = score.interval or (np.nan, np.nan)
            trace.times.append(scored.at_s)
            trace.authenticity.append(np.nan if score.authenticity is None else score.authenticity)
            trace.low.append(low)
            trace.high.append(high)
            trace.states.append(score.state)
            self._keep_worst(trace, score, scored)

    def _keep_worst(self, trace: FaceTrace, score: FaceScore, scored: Scored) -> None:
        """Keep the crop where the face looks less authentic than ever, and this very frame was scored."""
        value = score.authenticity
        if value is None or score.frame_score is None:
            return
        # Not for every hundredth of a fall: cutting out costs more than it tells.
        if trace.worst is None or value < trace.worst - 0.02:
            trace.worst, trace.worst_s = value, scored.at_s
            trace.crop = crop(scored.frame.rgb(), score.box)


def crop(rgb: NDArray[np.uint8], box: Box) -> bytes:
    """Return the face with some of its surroundings, as JPEG."""
    height, width = rgb.shape[:2]
    around = Box(box.x * width, box.y * height, box.width * width, box.height * height).grown(1.5)
    left, top = max(0, round(around.x)), max(0, round(around.y))
    piece = rgb[top : round(around.y + around.height), left : round(around.x + around.width)]
    if not piece.size:
        return b""
    scale = _CROP_PX / max(piece.shape[:2])
    size = max(1, round(piece.shape[1] * scale)), max(1, round(piece.shape[0] * scale))
    small = cv2.resize(piece, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()
