"""What goes into scoring and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from stream_guard.face import Box, Reason

__all__ = [
    "Cue",
    "Driver",
    "EventKind",
    "FaceObservation",
    "FaceScore",
    "Observation",
    "ScoreEvent",
    "State",
    "Update",
]


class State(StrEnum):
    """What is said about a face. The value is what goes over the wire."""

    AUTHENTIC = "authentic"
    SUSPICIOUS = "suspicious"
    SYNTHETIC = "synthetic"
    CANNOT_JUDGE = "cannot_judge"
    STALE = "stale"


class EventKind(StrEnum):
    """Something that happened once. Events are never dropped on the way to a client."""

    FACE_APPEARED = "face_appeared"
    FACE_LOST = "face_lost"
    STATE_CHANGED = "state_changed"
    ALARM_RAISED = "alarm_raised"
    ALARM_CLEARED = "alarm_cleared"
    SCENE_CUT = "scene_cut"
    STALE = "stale"
    RESUMED = "resumed"
    REROUTED = "rerouted"


class Cue(StrEnum):
    """What can speak against a face. The value is what goes over the wire."""

    LOOKS_SYNTHETIC = "looks_synthetic"
    CHANGED = "changed"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Driver:
    """What speaks against a face now, and since when.

    Attributes:
        since_ns: on the session's time line. For `Cue.CHANGED` the moment at which the face seems to have changed,
            for `Cue.REPEATED` when the picture began to show again what it showed before.
    """

    cue: Cue
    since_ns: int


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """What one frame showed of one face.

    Attributes:
        id: the tracker's id.
        box: as fractions of the frame.
        llr: calibrated log-likelihood ratio, synthetic over authentic (positive leans to synthetic), or None
            where the face was not scored on this frame.
        reasons: why it was not scored, if the face itself is the cause. Both empty and None together mean
            that it was simply not this face's turn: the budget was spent on others.
        repeated_ns: since when, on the time line, it moves exactly as it did before; None where it does not.
    """

    id: int
    box: Box
    llr: float | None = None
    reasons: tuple[Reason, ...] = ()
    repeated_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What one frame showed.

    Attributes:
        sequence: the frame's number in its stream.
        at_ns: the frame's place on the session's time line: its arrival for live streams, its media time for
            files. Never goes back.
        faces: every face tracked on it.
        cut: True where the picture changed so much that nothing before it counts (scene cut, camera switch).
        rerouted: True where it gets here in another way than before (bitrate, size, codec): what a face looked
            like until then is no measure for what it looks like now.
        evidence: share of the model's evidence that is left in pictures that get here in this way, above 0 to 1.
    """

    sequence: int
    at_ns: int
    faces: tuple[FaceObservation, ...] = ()
    cut: bool = False
    rerouted: bool = False
    evidence: float = 1.0


@dataclass(frozen=True, slots=True)
class FaceScore:
    """What is said about one face now.

    Attributes:
        authenticity: 0 to 1, 1 is authentic; None until there is evidence, and while it cannot be judged.
        interval: 95 % interval of it, (low, high); None together with it.
        state: after hysteresis.
        reasons: why it cannot be judged; empty unless the state is ``cannot_judge`` (or coverage suffers).
        frame_score: what this very frame alone says, 0 to 1, or None where it was not scored on it.
        coverage: share of the recent window's face time that could be judged, 0 to 1.
        drivers: what speaks against it, the strongest first; empty where nothing does.
        relative: how much more synthetic than the face that somebody vouches for it looks, as a difference of
            log-likelihood ratios; None where there is no such face, or nothing to compare.
        trusted: somebody vouches for this face.
    """

    id: int
    box: Box
    authenticity: float | None
    interval: tuple[float, float] | None
    state: State
    reasons: tuple[Reason, ...]
    frame_score: float | None
    coverage: float
    drivers: tuple[Driver, ...] = ()
    relative: float | None = None
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class ScoreEvent:
    """Something that happened to a face, or to the session where ``face`` is None."""

    kind: EventKind
    at_ns: int
    face: int | None = None
    previous: State | None = None
    state: State | None = None
    authenticity: float | None = None
    reasons: tuple[Reason, ...] = ()
    drivers: tuple[Driver, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """What a session answers to one observation or tick: the faces as they stand, and what changed."""

    faces: tuple[FaceScore, ...] = ()
    events: tuple[ScoreEvent, ...] = field(default=())
