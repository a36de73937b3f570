"""What a model says of a clip from moment to moment, as it would in a call: for whatever depends on time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.evaluation.clips import Clip, labelled_part
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import Predictor
from stream_guard.face import Box, Reason
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.faces.quality import reasons
from stream_guard.models.calibration import Calibrator
from stream_guard.models.manifest import Calibration, Manifest

__all__ = ["RATE", "Footage", "Passage", "watch"]

RATE = 10.0
"""Frames a second that are looked at, where nothing else is said."""

_AT_A_TIME = 10
"""Frames that are held in memory, and pass a codec as one sequence."""

Frames = list[NDArray[np.uint8]]
Passage = Callable[[Frames], Frames]
"""What happens to consecutive frames on their way to the viewer; uint8 (height, width, 3) RGB in and out."""


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """One clip as the model saw it, frame by frame.

    Attributes:
        clip: what was watched.
        at_s: float64, shape (n,): seconds from the clip's first frame, rising.
        logits: float64, shape (n,): NaN where no face was found. As the model gave them, unless `calibrated`.
        sides: float64, shape (n,): shorter side of the face in pixels; NaN where no face was found.
        reasons: why the quality gate refuses the frame; empty where it does not. `Reason.COVERED` where no face
            was found.
    """

    clip: Clip
    at_s: NDArray[np.float64]
    logits: NDArray[np.float64]
    sides: NDArray[np.float64]
    reasons: tuple[tuple[Reason, ...], ...]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """The frames that have a face the quality gate lets pass, shape (n,)."""
        passed = np.array([not why for why in self.reasons], np.bool_)
        return np.logical_and(np.isfinite(self.logits), passed)

    @property
    def seconds(self) -> float:
        """How long the clip is: each frame stands until the next, the last as long as the median one."""
        if len(self.at_s) < 2:
            return 0.0
        return float(self.at_s[-1] - self.at_s[0] + np.median(np.diff(self.at_s)))

    def calibrated(self, calibration: Calibration) -> Footage:
        """Return the same with log-likelihood ratios in place of raw logits."""
        ratios = Calibrator(calibration).llr(self.logits.astype(np.float32)).astype(np.float64)
        return Footage(self.clip, self.at_s, ratios, self.sides, self.reasons)

    def as_json(self) -> dict[str, Any]:
        """Return the frames as plain values, for keeping; the clip is not among them."""
        return {
            "at_s": self.at_s.round(6).tolist(),
            "logits": [None if np.isnan(value) else round(float(value), 5) for value in self.logits],
            "sides": [None if np.isnan(value) else round(float(value), 2) for value in self.sides],
            "reasons": [[str(reason) for reason in one] for one in self.reasons],
        }

    @classmethod
    def from_json(cls, clip: Clip, values: dict[str, Any]) -> Footage:
        """Return what `as_json` gave, of this clip."""
        return cls(
            clip,
            np.array(values["at_s"], np.float64),
            np.array(values["logits"], np.float64),  # None becomes NaN
            np.array(values["sides"], np.float64),
            tuple(tuple(Reason(reason) for reason in one) for one in values["reasons"]),
        )


def watch(
    clip: Clip,
    predict: Predictor,
    landmarker: LargestFace,
    manifest: Manifest,
    *,
    rate: float = RATE,
    passage: Passage = lambda frames: frames,
) -> Footage:
    """Look at the largest face of a clip, so many times a second from its first frame to its last.

    The head's pose is not measured, so nothing is refused for being turned away.

    Args:
        clip: a video; a picture is one frame.
        predict: gives raw logits.
        landmarker: finds the face.
        manifest: the model's crop and least face.
        rate: frames a second, at most those the clip has.
        passage: what the frames go through first, for instance a codec; ten consecutive ones at a time.

    Raises:
        UnsupportedMedia: the file holds no video that can be decoded.
    """
    at_s: list[float] = []
    logits: list[NDArray[np.float64]] = []
    sides: list[float] = []
    refused: list[tuple[Reason, ...]] = []
    for times, sent in _batches(clip, rate):
        at_s += times
        crops, found = [], []
        for rgb in passage(sent):
            landmarks = landmarker.largest(rgb)
            found.append(landmarks is not None)
            if landmarks is None:
                sides.append(np.nan)
                refused.append((Reason.COVERED,))
                continue
            box = landmark_box(landmarks)
            crops.append(cut(rgb, _matrix(box, manifest), size=manifest.size))
            sides.append(box.side)
            refused.append(reasons(rgb, box, None, min_face_px=manifest.min_face_px))
        seen = np.full(len(found), np.nan)
        if crops:
            seen[np.array(found)] = predict(np.stack(crops))
        logits.append(seen)
    return Footage(
        clip, np.array(at_s) - at_s[0], np.concatenate(logits), np.array(sides, np.float64), tuple(refused)
    )


def _matrix(box: Box, manifest: Manifest) -> NDArray[np.float64]:
    return crop_matrix(box, size=manifest.size, margin=manifest.margin)


def _batches(clip: Clip, rate: float) -> Iterator[tuple[list[float], Frames]]:
    """Yield the moments that are looked at and their frames, a few at a time."""
    times: list[float] = []
    frames: Frames = []
    for at_s, rgb in _frames(clip, rate):
        times.append(at_s)
        frames.append(rgb)
        if len(frames) == _AT_A_TIME:
            yield times, frames
            times, frames = [], []
    if frames:
        yield times, frames


def _frames(clip: Clip, rate: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield the first frame at or after each tick of the rate, with its media time in seconds."""
    try:
        with av.open(str(clip.path)) as container:
            if not container.streams.video:
                raise UnsupportedMedia(f"{clip.path} holds no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first: float | None = None
            taken = 0
            for number, frame in enumerate(container.decode(stream)):
                at_s = frame.time if frame.time is not None else number / float(stream.average_rate or 30)
                first = at_s if first is None else first
                if at_s - first >= taken / rate - 1e-6:
                    taken = int((at_s - first) * rate + 1e-6) + 1
                    yield at_s, labelled_part(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), clip)
            if first is None:
                raise UnsupportedMedia(f"{clip.path} holds no frame")
    except av.FFmpegError as error:
        raise UnsupportedMedia(f"{clip.path} cannot be decoded") from error
