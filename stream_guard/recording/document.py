"""The report as data: what `stream_guard.recording.report` draws, and what is written as JSON. Version 1.

Fields may be added within a version, none is renamed. Times ``t`` are seconds on the recording's time line. Numbers
that are not known are null; a score that was not given, because there was too little evidence, is null as well.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stream_guard.budget.plan import DropCause
from stream_guard.face import Reason
from stream_guard.models.manifest import AlarmRate, Manifest
from stream_guard.protocol.messages import Event, FaceReport, Fraction, TransportReport
from stream_guard.recording.moments import MomentKind
from stream_guard.scoring.observation import Cue, State

__all__ = [
    "CAUTION",
    "VERSION",
    "FaceRecord",
    "MomentRecord",
    "Recording",
    "Report",
    "Series",
    "Settings",
    "TransportRecord",
    "Verdict",
]

VERSION: Literal[1] = 1

CAUTION = (
    "“Looks authentic” means that nothing in the pixels speaks for a swap. It does not mean that somebody is who "
    "they say they are.",
    "Authenticity is an estimate from 0 to 1 with a 95 % interval, no proof. Good fakes are missed, and real "
    "people are sometimes suspected: how often stands under “How good the model is”.",
    "Where there is too little evidence no score is given. A gap is no sign of a fake, and none of a real face.",
    "The picture is judged, not the voice, and not what somebody means by it.",
)
"""What every report says first."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Record):
    """What the scores were made with."""

    engine: str
    device: str = ""
    precision: str = ""
    false_alarms_per_hour: float | None = Field(None, description="that were asked for, for one real face in view")
    alarm: AlarmRate | None = Field(None, description="what the model's alarms were worked out to at that rate")
    every: int = Field(1, description="every n-th frame was looked at")
    max_faces: int | None = None
    budget_ms: float | None = Field(None, description="latency budget of a live frame")


class TransportRecord(_Record):
    """How the picture got here from ``t`` on."""

    t: float
    transport: TransportReport
    kbps: tuple[float, float] | None = Field(None, description="lowest and highest bitrate since then")


class Series(_Record):
    """One face over time, as columns of equal length. A point holds all frames of ``step_s`` seconds."""

    step_s: float
    t: tuple[float, ...] = Field(description="when a point begins")
    authenticity: tuple[float | None, ...] = Field(description="smoothed, at the point's end")
    low: tuple[float | None, ...] = Field(description="95 % interval of it")
    high: tuple[float | None, ...]
    frame_mean: tuple[float | None, ...] = Field(description="mean of what single frames say")
    frame_lowest: tuple[float | None, ...]
    coverage: tuple[float, ...] = Field(description="share of the last seconds that could be judged")
    frames: tuple[int, ...] = Field(description="looked at")
    scored: tuple[int, ...] = Field(description="of these judged by the model")
    state: tuple[State, ...]
    reasons: tuple[tuple[Reason, ...], ...]
    cues: tuple[tuple[Cue, ...], ...]


class FaceRecord(_Record):
    """One face."""

    id: int
    seconds: float = Field(description="in view")
    judged_s: float = Field(description="of these with a score")
    unjudged: dict[Reason, float] = Field({}, description="seconds without a score, by reason; they may overlap")
    lowest: Fraction | None = None
    lowest_t: float | None = None
    series: Series


class MomentRecord(_Record):
    """One telling moment. Pictures are JPEG in base64."""

    n: int = Field(description="in a report counts from 1; over the API stays with its moment")
    kind: MomentKind
    face: int | None
    t: float
    at: str | None = Field(None, description="wall time, ISO 8601 in UTC; null for a recording")
    frame: int
    note: str = ""
    score: FaceReport | None = None
    transport: TransportReport
    engine: str
    face_px: int | None = Field(None, description="shorter side of the face")
    pose: tuple[float, float, float] | None = Field(None, description="yaw, pitch, roll in degrees")
    patches: tuple[tuple[float, ...], ...] | None = Field(
        None, description="log-likelihood ratios of the crop's regions, rows from the top; positive: synthetic"
    )
    crop: str | None = Field(None, description="as the model saw the face")
    wide: str | None = Field(None, description="with its surroundings")


class Verdict(_Record):
    """One recording in a line."""

    state: State = Field(description="synthetic if an alarm was raised at any time")
    authenticity: Fraction | None = Field(None, description="of the least authentic face; null for live sessions")
    frames: int = Field(description="looked at")
    scored: int = Field(description="of these with a face that was judged")
    faces: int


class Recording(_Record):
    """One file or live session."""

    label: str
    kind: str
    live: bool
    began: str | None = Field(None, description="wall time, ISO 8601 in UTC; null for a file")
    length_s: float
    sha256: str | None = Field(None, description="of the file; null for live sessions")
    bytes: int | None = None
    broken: str | None = Field(
        None, description="why it could not be read to its end; from a journal, how many lines of it are missing"
    )
    verdict: Verdict
    received: int | None = Field(None, description="frames that arrived; null where it was not counted")
    dropped: dict[DropCause, int] = {}
    jitter_ms: float | None = None
    engines: tuple[str, ...] = Field((), description="that computed scores, in order")
    transports: tuple[TransportRecord, ...] = ()
    faces: tuple[FaceRecord, ...] = Field((), description="the 64 seen last")
    events: tuple[Event, ...] = Field((), description="the newest 2,000")
    moments: tuple[MomentRecord, ...] = ()
    moments_kept: bool = Field(True, description="whether moments were kept at all")
    source: Literal["frames", "journal"] = Field(
        "frames", description="journal: five scores a second at most, as they were written down"
    )


class Report(_Record):
    """The whole report."""

    format: Literal["stream-guard report"] = "stream-guard report"
    v: Literal[1] = VERSION
    made: str = Field(description="wall time, ISO 8601 in UTC")
    program: str = Field(description="name and version")
    model: str = Field(description="name and version")
    model_sha256: str
    manifest: Manifest | None = Field(None, description="of the model; null where it is not at hand")
    settings: Settings
    caution: tuple[str, ...] = CAUTION
    recordings: tuple[Recording, ...]
