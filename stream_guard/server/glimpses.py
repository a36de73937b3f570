"""Follows the face that was asked through a session's results, whatever id the tracker gives it."""

from __future__ import annotations

import math

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Face
from stream_guard.faces.skin import skin_map
from stream_guard.pipeline.observers import Scored

__all__ = ["Follower"]

_REACH = 1.5
"""How far from where the face was last seen another id may be taken for it, over its longer side: one who stood up
or turned far comes back nearby. Tiles of a call are further apart."""

_LARGEST_LLR = 20.0


class Follower:
    """Turns results into what a challenge needs."""

    def __init__(self, face: int) -> None:
        """Follow a face by its id."""
        self.asked = self._id = face
        """The id at the beginning."""
        self._box: Box | None = None

    def glimpse(self, scored: Scored, *, skin: bool = True) -> Glimpse:
        """Return what a frame shows of the face.

        Args:
            scored: the frame's result, with its pixels.
            skin: whether what its parts look like is wanted; costs a tenth of a millisecond.
        """
        at_ns = round(scored.at_s * NS_PER_S)
        face = self._find(scored)
        if face is None:
            return Glimpse(at_ns)
        self._id, self._box = face.id, face.box
        score = next((one.frame_score for one in scored.update.faces if one.id == face.id), None)
        landmarks = face.landmarks if face.measured else None
        return Glimpse(
            at_ns,
            face=face.id,
            box=face.box.fractions_of(scored.frame.width, scored.frame.height),
            pose=face.pose if face.measured else None,
            skin=skin_map(scored.frame.rgb(), landmarks) if skin and landmarks is not None else None,
            measured=face.measured,
            reasons=face.reasons,
            llr=_llr(score),
        )

    def _find(self, scored: Scored) -> Face | None:
        """Return the face under its id, or the one that has appeared where it was."""
        faces = scored.tracked.faces
        known = next((face for face in faces if face.id == self._id), None)
        if known is not None or self._box is None:
            return known
        last = self._box
        reach = _REACH * max(last.width, last.height)
        newer = [face for face in faces if face.id > self._id and _apart(face.box, last) <= reach]
        return min(newer, key=lambda face: _apart(face.box, last), default=None)


def _apart(box: Box, other: Box) -> float:
    return math.dist(box.centre, other.centre)


def _llr(score: float | None) -> float | None:
    """Return the log-likelihood ratio behind a frame's score, 0 to 1, 1 is authentic."""
    if score is None:
        return None
    if not 0.0 < score < 1.0:
        return _LARGEST_LLR if score <= 0.0 else -_LARGEST_LLR
    return math.log((1.0 - score) / score)
