"""The messages of ``/ws``, version 1, as types. `docs/protocol.md` tells the story, `schema.json` is generated.

Times ``t`` are seconds on the session's time line. ``age_ms`` is how long ago the frame behind the message
arrived. Boxes are x, y, width, height as fractions of the frame.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stream_guard.budget.plan import DropCause
from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import ChallengeState
from stream_guard.challenges.lapses import LapseKind
from stream_guard.challenges.sight import Sight
from stream_guard.face import Reason
from stream_guard.scoring.observation import Cue, EventKind, State

__all__ = [
    "VERSION",
    "BudgetReport",
    "Challenge",
    "ClientMessage",
    "DriverReport",
    "Engine",
    "EngineFailure",
    "Event",
    "FaceReport",
    "FaultReport",
    "Hello",
    "LapseReport",
    "ModelReport",
    "Rehearsal",
    "Scores",
    "ServerMessage",
    "Session",
    "StageReport",
    "Stats",
    "StepReport",
    "StretchReport",
    "Subscribe",
    "TracePointReport",
    "TransportReport",
]

VERSION: Literal[1] = 1

Fraction = Annotated[float, Field(ge=0, le=1)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelReport(_Message):
    """Which model gives the scores."""

    name: str
    version: str
    status: Literal["preview", "stable"]
    sha256: str
    min_face_px: int


class EngineFailure(_Message):
    """An engine that was to run, and why it does not."""

    name: str
    reason: str


class Hello(_Message):
    """First message on every connection."""

    type: Literal["hello"] = "hello"
    v: Literal[1] = VERSION
    server: str = Field(description="program and version")
    engine: str
    device: str
    passed_over: tuple[EngineFailure, ...] = Field((), description="engines that were to run before this one")
    model: ModelReport
    budget_ms: float
    promise: str | None = Field(
        None,
        description="measured false alarms per hour and seconds to flag, in words; null where not measured",
    )


class Engine(_Message):
    """Another engine has taken over in mid-call, or none is left. It replaces what `Hello` said of the engine."""

    type: Literal["engine"] = "engine"
    v: Literal[1] = VERSION
    engine: str = Field(description="empty where none is left")
    device: str
    passed_over: tuple[EngineFailure, ...]


class FaultReport(_Message):
    """Something inside failed, and what was done about it. Calls go on; one that cannot says so by ending."""

    type: Literal["fault"] = "fault"
    v: Literal[1] = VERSION
    session: str | None = Field(description="the one it concerns; null: all of them")
    part: Literal["faces", "stream", "server", "observer"] = Field(
        description="following the faces, one stream's way, the whole server for a while, or somebody who watches"
    )
    reason: str = Field(description="in one line, for people")


class DriverReport(_Message):
    """What speaks against a face, and since when on the session's time line."""

    cue: Cue
    since: float = Field(description="seconds; for `changed` when the change seems to have happened")


class FaceReport(_Message):
    """One face as it stands."""

    id: int
    box: tuple[float, float, float, float]
    authenticity: Fraction | None
    interval: tuple[Fraction, Fraction] | None
    state: State
    reasons: tuple[Reason, ...] = ()
    frame_score: Fraction | None
    coverage: Fraction
    drivers: tuple[DriverReport, ...] = Field((), description="what speaks against it, the strongest first")
    relative: float | None = Field(None, description="log-likelihood ratio over that of the trusted face")
    trusted: bool = Field(False, description="somebody vouches for this face")


class BudgetReport(_Message):
    """How the work keeps up. ``dropped`` counts since the session began."""

    target_ms: float
    p95_ms: float | None
    degraded: bool = Field(False, description="not every face was looked at on this frame")
    dropped: dict[DropCause, int] = {}


class TransportReport(_Message):
    """How the picture gets here. Null where it is not known."""

    codec: str
    width: int
    height: int
    fps: float
    kbps: float | None = None
    lost: int | None = None
    evidence: Fraction = Field(1.0, description="share of the model's evidence left in such a picture, as measured")


class Scores(_Message):
    """The faces of one scored frame. A slow client may miss some of these, never the newest."""

    type: Literal["scores"] = "scores"
    v: Literal[1] = VERSION
    session: str
    frame: int
    t: float
    age_ms: float
    faces: tuple[FaceReport, ...]
    budget: BudgetReport
    transport: TransportReport


class Event(_Message):
    """Something that happened once. Never dropped."""

    type: Literal["event"] = "event"
    v: Literal[1] = VERSION
    session: str
    t: float
    kind: EventKind
    face: int | None = None
    previous: State | None = None
    state: State | None = None
    authenticity: Fraction | None = None
    reasons: tuple[Reason, ...] = ()
    drivers: tuple[DriverReport, ...] = ()


class StageReport(_Message):
    """Latency of one stage over the last seconds, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int


class Stats(_Message):
    """Once a second a session: how many frames, what they cost, which were dropped and why."""

    type: Literal["stats"] = "stats"
    v: Literal[1] = VERSION
    session: str
    t: float
    received: int
    admitted: int
    scored: int
    dropped: dict[DropCause, int]
    fps_in: float
    fps_scored: float
    stages: dict[str, StageReport]
    backlog_ms: float = Field(0.0, description="hidden delay: arrival drifting away from media time")
    clients: int = 0


class Session(_Message):
    """A session begins, changes or ends."""

    type: Literal["session"] = "session"
    v: Literal[1] = VERSION
    session: str
    state: Literal["connecting", "live", "stale", "ended"]
    kind: str = Field(description="webrtc, whep, file, rtsp, rtmp, udp, camera, screen, pattern")
    label: str
    reason: str | None = Field(None, description="why it ended")


class StretchReport(_Message):
    """What the frames of one stretch of time say together."""

    frames: int = Field(description="on which it was the face's turn")
    judged: int = Field(description="of them, those that were scored")
    looks: float = Field(description="independent looks at the face that these are worth")
    llr: float = Field(description="sum of log-likelihood ratios, each weighed by its look; positive is synthetic")
    authenticity: Fraction | None
    interval: tuple[Fraction, Fraction] | None


class LapseReport(_Message):
    """A moment in which the face was lost, or another one took its place."""

    kind: LapseKind
    since: float
    until: float


class StepReport(_Message):
    """One action of a challenge."""

    action: Action
    say: str = Field(description="the words to read aloud or type")
    began: float | None
    ended: float | None
    progress: Fraction
    sight: Sight | None = Field(description="null until it has ended; no value means that the face is real")
    amount: float | None = Field(description="degrees turned, face heights risen, times the size, share hidden")
    during: StretchReport | None
    lapses: tuple[LapseReport, ...] = ()
    words: tuple[str, ...] = ()


class TracePointReport(_Message):
    """One moment of a challenge, for drawing."""

    t: float
    step: int | None
    amount: float | None
    authenticity: Fraction | None


class Challenge(_Message):
    """How a challenge stands: all of it, each time. A slow client may miss some, never the newest."""

    type: Literal["challenge"] = "challenge"
    v: Literal[1] = VERSION
    session: str
    face: int = Field(description="as it was numbered when it was asked")
    t: float
    state: ChallengeState
    say: str = Field(description="what to read aloud or type now")
    remaining_s: float
    current: int | None = Field(description="number of the action that is asked for, from 0")
    amount: float | None = Field(description="how far it goes at this moment")
    steps: tuple[StepReport, ...]
    before: StretchReport
    after: StretchReport
    words: tuple[str, ...] = Field((), description="the result, once it is over")
    trace: tuple[TracePointReport, ...] = Field((), description="once it is over")


class Rehearsal(_Message):
    """A test swap of somebody's own picture, and what the detector makes of it. Nothing here is a true alarm.

    Meanwhile `Scores` and `Event` of the session say nothing of the swapped picture, so that whoever does not know
    this message cannot take it for one.
    """

    type: Literal["rehearsal"] = "rehearsal"
    v: Literal[1] = VERSION
    session: str
    label: Literal["REHEARSAL"] = "REHEARSAL"
    t: float
    state: Literal["running", "done", "cancelled", "lost"]
    remaining_s: float
    swapped_s: float = Field(description="for how long a swapped face has been shown to the detector")
    alarmed_after_s: float | None = Field(None, description="from the first swapped picture to the alarm")
    faces: tuple[FaceReport, ...] = Field((), description="as they would stand, were this a true swap")
    words: tuple[str, ...] = Field((), description="the result, once it is over")


class Subscribe(_Message):
    """What a client wants. Without it: everything, as fast as it comes."""

    type: Literal["subscribe"] = "subscribe"
    v: Literal[1] = VERSION
    sessions: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=64)] | None = Field(
        None, description="null: all"
    )
    types: tuple[Literal["scores", "event", "stats", "session", "fault", "challenge", "rehearsal"], ...] | None = (
        Field(None, description="null: all")
    )
    max_rate: float | None = Field(None, gt=0, le=1000, description="scores messages a second and session")


ServerMessage = Annotated[
    Hello | Engine | FaultReport | Scores | Event | Stats | Session | Challenge | Rehearsal,
    Field(discriminator="type"),
]
ClientMessage = Subscribe
