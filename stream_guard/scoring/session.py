"""A session's scores: observations in, faces and events out."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.scoring.clip import ClipPool, Summary
from stream_guard.scoring.observation import EventKind, Observation, ScoreEvent, State, Update
from stream_guard.scoring.track import FaceTrack, TrackSettings

__all__ = ["Session", "SessionSettings"]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a session is judged.

    Attributes:
        track: how each face is.
        stale_after_ns: silence that makes scores stale; None for recordings, whose frames are never late.
    """

    track: TrackSettings = field(default_factory=TrackSettings)
    stale_after_ns: int | None = 2 * NS_PER_S

    def __post_init__(self) -> None:
        if self.stale_after_ns is not None and self.stale_after_ns <= 0:
            raise ConfigError("scoring: stale_after_ns must be above 0")


class Session:
    """Everything that is said about one stream. Memory: a few numbers for each face in view, and 64 for the clip.

    What begins anew, and when:

    - a face whose id is gone is lost; an id not seen before is a new face, without any evidence;
    - a cut ends every face, whoever is in the new picture;
    - after a silence the faces stay, their evidence and alarms do not.

    Every change of a face's state is one event, so the states can be followed from the events alone.
    """

    def __init__(self, settings: SessionSettings | None = None) -> None:
        self._settings = settings or SessionSettings()
        track = self._settings.track
        self._clip = ClipPool(enough_looks=track.enough_looks, thresholds=track.verdict)
        self._tracks: dict[int, FaceTrack] = {}
        self._anchor: int | None = None
        self._last_ns: int | None = None
        self._stale_ns: int | None = None
        self._appeared = 0
        self._frames = 0
        self._scored = 0
        self._alarmed = False

    def receive(self, observation: Observation) -> Update:
        """Take one frame's observation.

        Args:
            observation: ids must differ within it. A place on the time line before the last one's is taken as
                the last one's.

        Returns:
            Its faces, in its order, and the events.
        """
        at_ns = max(observation.at_ns, self._last_ns or 0)
        events = self._silence(at_ns)
        if self._stale_ns is not None:
            events.append(ScoreEvent(EventKind.RESUMED, max(at_ns, self._stale_ns)))
            self._stale_ns = None
        self._last_ns = at_ns
        if observation.rerouted:
            events.append(ScoreEvent(EventKind.REROUTED, at_ns))
        if observation.cut:
            events.append(ScoreEvent(EventKind.SCENE_CUT, at_ns))
            events += self._lose(at_ns, set(self._tracks))
        events += self._lose(at_ns, self._tracks.keys() - {face.id for face in observation.faces})
        faces = []
        for face in observation.faces:
            track = self._tracks.get(face.id)
            is_new = track is None
            if track is None:
                track = self._tracks[face.id] = FaceTrack(face, self._settings.track)
            if observation.rerouted:
                track.reroute()
            track.observe(at_ns, face, share=observation.evidence)
            score, changes = track.report(at_ns, anchor=self._level_beside(face.id))
            if is_new:
                self._appeared += 1
                events.append(
                    ScoreEvent(
                        EventKind.FACE_APPEARED, at_ns, face.id, state=State.CANNOT_JUDGE, reasons=score.reasons
                    )
                )
            faces.append(score)
            events += changes
        self._frames += 1
        self._scored += any(face.frame_score is not None for face in faces)
        return self._told(Update(tuple(faces), tuple(events)))

    def tick(self, now_ns: int) -> Update:
        """Take note that time has passed without a frame.

        Returns:
            The faces as they stand now, older and less certain, or stale; and the events.
        """
        events = self._silence(now_ns)
        if self._stale_ns is not None:
            return Update(tuple(track.stale() for track in self._tracks.values()), tuple(events))
        now_ns = max(now_ns, self._last_ns or 0)
        faces = []
        for score_id, track in self._tracks.items():
            score, changes = track.report(now_ns, anchor=self._level_beside(score_id))
            faces.append(score)
            events += changes
        return self._told(Update(tuple(faces), tuple(events)))

    def trust(self, face: int) -> bool:
        """Take a face, as it has been so far, for real at somebody's word; the others are shown relative to it.

        What it looks like now becomes the past it is compared with, for as long as it is in view. One face at a
        time is vouched for: the next one takes its place.

        Args:
            face: its id.

        Returns:
            Whether there is such a face, with enough seen of it.
        """
        track = self._tracks.get(face)
        if track is None or not track.trust():
            return False
        former = self._tracks.get(self._anchor) if self._anchor is not None else None
        if former is not None and former is not track and former.trusted:
            former.distrust()
        self._anchor = face
        return True

    def summary(self) -> Summary:
        """Return what is to be said of the whole clip so far."""
        authenticity, state = self._clip.verdict(
            [track.pool for track in self._tracks.values()], alarmed=self._alarmed
        )
        return Summary(authenticity, state, self._appeared, self._frames, self._scored)

    def _level_beside(self, face: int) -> float | None:
        """Return the level of the face that somebody vouches for, to another one."""
        anchor = self._tracks.get(self._anchor) if self._anchor is not None else None
        return anchor.llr if anchor is not None and anchor.trusted and face != self._anchor else None

    def _silence(self, now_ns: int) -> list[ScoreEvent]:
        """Declare the session stale, once, if no frame has come for too long."""
        limit_ns = self._settings.stale_after_ns
        if limit_ns is None or self._last_ns is None or self._stale_ns is not None:
            return []
        if now_ns - self._last_ns < limit_ns:
            return []
        # Dated to the moment it became true, however late somebody asks.
        self._stale_ns = self._last_ns + limit_ns
        events = [ScoreEvent(EventKind.STALE, self._stale_ns)]
        for track in self._tracks.values():
            events += track.silence(self._stale_ns)
        return events

    def _lose(self, at_ns: int, ids: set[int]) -> list[ScoreEvent]:
        """End faces, in order of id."""
        events: list[ScoreEvent] = []
        for face in sorted(ids):
            track = self._tracks.pop(face)
            self._clip.close(track.pool)
            events += track.end(at_ns)
        return events

    def _told(self, update: Update) -> Update:
        """Remember for the summary whether there was ever an alarm."""
        self._alarmed |= any(event.kind is EventKind.ALARM_RAISED for event in update.events)
        return update
