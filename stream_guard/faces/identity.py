"""Who is who from one look to the next: pairs what was found with what is followed. Pure.

A face is known again by its place and size, never by who the person is: there is no face recognition here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_MS, NS_PER_S, seconds
from stream_guard.face import Box, Reason
from stream_guard.faces.look import alike

__all__ = ["Roster", "Sighting", "Track", "belongs"]

_REACH = 0.75
"""How far a face's middle may have gone since it was last seen, over its longer side. Faces that do not overlap
are a whole side apart."""

_GROWTH = 2.0
"""By how much a face may have grown or shrunk since."""

_LIFETIME_NS = NS_PER_S
"""How long a face is kept that nobody has seen."""

_MISSES = 2
"""How often it must have been looked for in vain as well: frames may be seconds apart."""


_LEAST_PX = 40
"""Of a smaller face the finder's box and the landmarks' may lie a quarter of it apart: too far to compare."""

_MOMENT_NS = 120 * NS_PER_MS
"""How long a face's look alone can be held against it; later, a turned head may look as different as another."""


@dataclass(slots=True)
class Track:
    """One face that is being followed.

    Attributes:
        id: never given again.
        box: where it was last seen, in pixels.
        seen_ns: when that was.
        tried_ns: when it was last measured, or that was tried; None before the first time.
        sightings: how often it was seen; one that was seen once may be no face.
        misses: how often in turn it was looked for in vain.
        suspect: its surroundings changed: it may be somebody else, and is not measured until that is settled.
        reasons: of its last measurement.
        look, look_ns: how it looked (`faces.look`), and when: of its last measurement, or where it has never been
            measured, of its last find. The two cut a face out a little differently, and are not mixed.
        measured: whether it ever was.
        vain: how often in turn measuring it failed.
        confidence: of its surest find, 0 to 1.
        turn: of its last find, see `faces.finder.Found`.
        tilt: of its last measurement, see `faces.landmarker.Measured`; None before the first.
    """

    id: int
    box: Box
    seen_ns: int
    look: NDArray[np.float32]
    look_ns: int
    turn: float = 0.0
    tilt: float | None = None
    measured: bool = False
    vain: int = 0
    confidence: float = 1.0
    tried_ns: int | None = None
    sightings: int = 1
    misses: int = 0
    suspect: bool = False
    reasons: tuple[Reason, ...] = ()

    def see(self, box: Box, at_ns: int) -> None:
        """Note that the face is there."""
        self.box, self.seen_ns = box, at_ns
        self.sightings += 1
        self.misses = 0
        self.suspect = False

    def remember(self, look: NDArray[np.float32], at_ns: int) -> None:
        """Keep how the face looks, cut out by its landmarks."""
        self.look, self.look_ns, self.measured, self.vain = look, at_ns, True, 0

    def turned_into_another(self, look: NDArray[np.float32], at_ns: int) -> bool:
        """Return whether what is measured in its place, a moment after the last measurement, is somebody else."""
        fresh = self.measured and at_ns - self.look_ns <= _MOMENT_NS
        return fresh and self.box.side >= _LEAST_PX and not self.resembles(look, at_ns)

    def resembles(self, look: NDArray[np.float32], at_ns: int) -> bool:
        """Return whether a face may be this one by its look."""
        return alike(self.look, look, seconds(at_ns - self.look_ns))


class Sighting(NamedTuple):
    """One face that was found; the fields are those of `Track`."""

    box: Box
    look: NDArray[np.float32]
    turn: float
    confidence: float = 1.0


class Roster:
    """The faces that are being followed, in order of id."""

    def __init__(self, *, max_faces: int, first_id: int = 1) -> None:
        """Begin with nobody.

        Args:
            max_faces: of more, the largest are followed.
            first_id: of the first face; those below were given before, in the same session.
        """
        self.tracks: list[Track] = []
        self._max_faces = max_faces
        self._next_id = first_id

    def meet(self, faces: Sequence[Sighting], at_ns: int) -> None:
        """Take all the faces that were found in a frame: those that are known are seen, the others begin.

        Suspects end where nobody is found in their place, or somebody who does not look like them.

        Args:
            faces: in any order.
            at_ns: when.
        """
        pairs = dict(_pairs([track.box for track in self.tracks], [face.box for face in faces]))
        known = set()
        for index, track in enumerate(self.tracks):
            match = pairs.get(index)
            if match is None:
                track.misses += 1
            elif not track.suspect or _cleared(track, faces[match], at_ns):
                track.see(faces[match].box, at_ns)
                track.turn = faces[match].turn
                track.confidence = max(track.confidence, faces[match].confidence)
                if not track.measured:
                    track.look, track.look_ns = faces[match].look, at_ns
                known.add(match)
        self.tracks = [track for track in self.tracks if not track.suspect]
        for face in sorted((face for index, face in enumerate(faces) if index not in known), key=_smallness):
            if self._room_for(face.box):
                track = Track(self._next_id, face.box, at_ns, face.look, at_ns, face.turn)
                track.confidence = face.confidence
                self.tracks.append(track)
                self._next_id += 1

    def resize(self, across: float, down: float) -> None:
        """Move all faces to where they are in a frame that was scaled: callers change resolution as they go."""
        for track in self.tracks:
            box = track.box
            track.box = Box(box.x * across, box.y * down, box.width * across, box.height * down)

    def expire(self, at_ns: int) -> None:
        """End the faces that have not been seen for too long."""
        self.tracks = [track for track in self.tracks if not _gone(track, at_ns)]

    def _room_for(self, box: Box) -> bool:
        """Return whether one more face may be followed, a clearly smaller one giving way if need be."""
        if len(self.tracks) < self._max_faces:
            return True
        smallest = min(self.tracks, key=lambda track: track.box.area)
        if smallest.box.area * 1.5 > box.area:  # or two faces of one size would change places for ever
            return False
        self.tracks.remove(smallest)
        return True


def belongs(box: Box, last: Box) -> bool:
    """Return whether a box may be the same face's as the last one, by distance and size."""
    side, last_side = max(box.width, box.height), max(last.width, last.height)
    if not last_side / _GROWTH <= side <= last_side * _GROWTH:
        return False
    return math.dist(box.centre, last.centre) <= _REACH * max(side, last_side)


def _pairs(tracks: Sequence[Box], boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Pair tracks with boxes, nearest first (faces hardly overlap, so the greedy choice is the best one)."""
    near = sorted(
        (math.dist(track.centre, box.centre) / max(track.side, 1.0), row, column)
        for row, track in enumerate(tracks)
        for column, box in enumerate(boxes)
        if belongs(box, track)
    )
    pairs: list[tuple[int, int]] = []
    rows, columns = set[int](), set[int]()
    for _, row, column in near:
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs


def _cleared(track: Track, face: Sighting, at_ns: int) -> bool:
    """Return whether what was found in a suspect's place is the suspect."""
    return track.box.side >= _LEAST_PX and track.resembles(face.look, at_ns)


def _smallness(face: Sighting) -> float:
    """Sort the largest first."""
    return -face.box.area


def _gone(track: Track, at_ns: int) -> bool:
    """Return whether a face must be given up."""
    unseen = at_ns - track.seen_ns >= _LIFETIME_NS
    return unseen and (track.suspect or track.misses >= _MISSES)
