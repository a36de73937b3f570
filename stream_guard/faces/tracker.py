"""Follows every face of one stream: finds new ones now and then, measures the known ones frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.face import Box, Face, Reason
from stream_guard.faces.changes import ChangeDetector
from stream_guard.faces.finder import Found
from stream_guard.faces.identity import Roster, Sighting, Track, belongs
from stream_guard.faces.landmarker import Measured
from stream_guard.faces.look import look_at
from stream_guard.faces.quality import reasons, unseen
from stream_guard.faces.result import Tracked

__all__ = ["FaceTracker", "Measures"]

_FIND_EVERY_NS = 500 * NS_PER_MS
_FIND_CALM_EVERY_NS = 750 * NS_PER_MS
"""While every face shows, and nothing is new beside them: who comes in from the side a little at a time may be no
news from frame to frame, and is to be found within a second all the same."""

_FIND_LOST_EVERY_NS = 200 * NS_PER_MS
"""While a face that was there does not show, or one that cannot be measured was seen only once."""

_HOPELESS = 0.75
"""A face below this share of `min_face_px` is not measured: the finder alone follows it."""

_PATIENCE = 3
"""Measurements in vain after which a face no longer takes its full turn: a hand before a face stays a while."""

_RETRY_NS = 300 * NS_PER_MS
_RETRY_UNPROVEN_NS = NS_PER_S
"""How often it is tried from then on; less often where landmarks were never seen."""

_SURE = 0.83
"""Confidence of the finder from which on a face is reported though it never showed landmarks. 74 faces of 56 px and
more, two a clip, came to 0.83 and more; with their lower or upper half hidden to 0.43 to 0.86, half of them below
0.74; stars on a flag to 0.77. So who is covered from the beginning is reported once they show."""

_ONE_FACE = 0.5
"""Two tracks whose boxes overlap by more (intersection over union) follow one face."""


class Measures(Protocol):
    """What the tracker needs of a landmarker."""

    def measure(
        self, rgb: NDArray[np.uint8], box: Box, *, tilt: float | None = None, tight: bool = False
    ) -> Measured | None:
        """Measure the face in a box, tilted as it was last; look at hardly more than the box where tight."""
        ...


class FaceTracker:
    """Follows the faces of one stream. For one thread; keeps no frame between calls."""

    def __init__(
        self,
        *,
        find: Callable[[NDArray[np.uint8]], list[Found]],
        landmarker: Measures,
        min_face_px: int,
        max_faces: int = 25,
        first_id: int = 1,
    ) -> None:
        """Take what it works with.

        Args:
            find: finds every face of a frame, such as `faces.finder.Finder`.
            landmarker: measures one.
            min_face_px: the model's least shorter side; smaller faces are followed, with the reason.
            max_faces: of more, the largest are followed.
            first_id: of the first face.
        """
        self._find = find
        self._landmarker = landmarker
        self._min_face_px = min_face_px
        self._roster = Roster(max_faces=max_faces, first_id=first_id)
        self._changes = ChangeDetector()
        self._found_ns: int | None = None
        self._other_picture = False
        self._news = False
        self._size: tuple[int, int] | None = None

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        """Take the next frame.

        Args:
            rgb: uint8, shape (height, width, 3), any size.
            at_ns: its place on the session's time line; never goes back.
            plan: at most ``plan.faces`` faces are measured, the longest unmeasured first; new faces are looked
                for only where ``plan.find``.
        """
        start = time.perf_counter_ns()
        self._fit(rgb.shape[1], rgb.shape[0])
        picture = self._suspect(rgb)
        cut = False
        find_ns = 0
        if plan.find and self._wants_to_find(at_ns):
            before = time.perf_counter_ns()
            cut = self._look_for_faces(rgb, at_ns)
            find_ns = time.perf_counter_ns() - before
        self._roster.expire(at_ns)
        faces = {track.id: self._measure(rgb, track, at_ns) for track in self._in_turn(at_ns)[: plan.faces]}
        shown = [track for track in self._roster.tracks if self._is_face(track)]
        return Tracked(
            faces=tuple(faces.get(track.id) or self._as_it_was(track) for track in shown),
            cut=cut,
            find_ns=find_ns,
            track_ns=time.perf_counter_ns() - start - find_ns,
            measured=len(faces),
            measurable=sum(self._is_due(track, at_ns) for track in self._roster.tracks),
            picture=picture,
        )

    def _fit(self, width: int, height: int) -> None:
        """Follow a change of resolution."""
        if self._size is not None and self._size != (width, height):
            self._roster.resize(width / self._size[0], height / self._size[1])
        self._size = width, height

    def _suspect(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Mark the faces that may have been replaced: their surroundings, or most of the picture, changed.

        Returns:
            The small copy of the frame by which that was seen.
        """
        change = self._changes.compare(rgb)
        everywhere = change.everywhere
        self._other_picture |= everywhere
        self._news = self._news or change.elsewhere(track.box for track in self._roster.tracks)
        for track in self._roster.tracks:
            track.suspect |= everywhere or change.around(track.box)
        return change.picture

    def _wants_to_find(self, at_ns: int) -> bool:
        """Return whether it is time to look for faces."""
        if self._found_ns is None or self._other_picture or any(track.suspect for track in self._roster.tracks):
            return True
        return at_ns - self._found_ns >= self._find_every_ns()

    def _find_every_ns(self) -> int:
        """Return how long after the last search the next one is due."""
        tracks = self._roster.tracks
        # Not one that the last search saw: its landmarks are hidden, and it is still there.
        if any(track.misses and track.seen_ns != self._found_ns for track in tracks):
            return _FIND_LOST_EVERY_NS
        if self._news or not tracks or any(track.misses for track in tracks):
            return _FIND_EVERY_NS
        if any(self._is_small(track) and track.sightings == 1 for track in tracks):
            return _FIND_LOST_EVERY_NS
        return _FIND_CALM_EVERY_NS

    def _look_for_faces(self, rgb: NDArray[np.uint8], at_ns: int) -> bool:
        """Find all faces, and settle who is still there; return whether the picture is another one."""
        before = {track.id for track in self._roster.tracks}
        faces = [
            Sighting(found.box, look_at(rgb, found.box), found.turn, found.confidence) for found in self._find(rgb)
        ]
        self._roster.meet(faces, at_ns)
        self._found_ns = at_ns
        self._news = False
        # A shared slide that turns changes most of a picture, too; but the faces beside it stay.
        cut = self._other_picture and before.isdisjoint(track.id for track in self._roster.tracks)
        self._other_picture = False
        return cut

    def _in_turn(self, at_ns: int) -> list[Track]:
        """Return the faces that are worth measuring, the longest unmeasured first."""
        due = [track for track in self._roster.tracks if not track.suspect and self._is_due(track, at_ns)]
        return sorted(due, key=lambda track: -1 if track.tried_ns is None else track.tried_ns)

    def _is_due(self, track: Track, at_ns: int) -> bool:
        """Return whether a face is large enough to be measured, and not tried in vain a moment ago."""
        if self._is_small(track):
            return False
        if track.vain < _PATIENCE or track.tried_ns is None:
            return True
        return at_ns - track.tried_ns >= (_RETRY_NS if track.measured else _RETRY_UNPROVEN_NS)

    def _is_face(self, track: Track) -> bool:
        """Return whether to report it: what was seen once, or never showed landmarks, may be a pattern."""
        proven = track.measured or self._is_small(track) or track.confidence >= _SURE
        return proven and track.sightings > 1

    def _is_small(self, track: Track) -> bool:
        return track.box.side < self._min_face_px * _HOPELESS

    def _measure(self, rgb: NDArray[np.uint8], track: Track, at_ns: int) -> Face:
        """Measure one face, or say that it does not show."""
        track.tried_ns = at_ns
        measured = self._landmarker.measure(rgb, track.box, tilt=track.tilt)
        if measured is not None and not self._is(measured.box, track):
            measured = self._landmarker.measure(rgb, track.box, tilt=track.tilt, tight=True)
        if measured is None or not self._is(measured.box, track):
            track.misses += 1
            track.vain += 1
            track.reasons = (unseen(track.turn),)
            return Face(track.id, track.box, reasons=track.reasons)
        look = look_at(rgb, measured.box)
        if track.turned_into_another(look, at_ns):
            track.suspect = True  # the next search settles it
            return self._as_it_was(track)
        track.see(measured.box, at_ns)
        track.remember(look, at_ns)
        track.tilt = measured.tilt
        track.reasons = reasons(rgb, measured.box, measured.pose, min_face_px=self._min_face_px)
        return Face(track.id, measured.box, landmarks=measured.landmarks, pose=measured.pose, reasons=track.reasons)

    def _is(self, box: Box, track: Track) -> bool:
        """Return whether landmarks belong to this face, and not to a neighbour that is followed as well."""
        elder = (other.box for other in self._roster.tracks if other.id < track.id)
        return belongs(box, track.box) and all(box.iou(other) < _ONE_FACE for other in elder)

    def _as_it_was(self, track: Track) -> Face:
        """Return a face that was not measured on this frame."""
        reasons_then = (Reason.FACE_TOO_SMALL,) if self._is_small(track) else track.reasons
        return Face(track.id, track.box, measured=False, reasons=reasons_then)
