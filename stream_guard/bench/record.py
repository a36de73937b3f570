"""What was seen of a run. Times are monotonic nanoseconds, which all processes of a machine share."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_guard.bench.processes import Usage
from stream_guard.clock import NS_PER_S

__all__ = ["Decoded", "Record", "ScoredFrame", "Sent", "Session"]


@dataclass(slots=True)
class Sent:
    """One picture of one session.

    Attributes:
        number: drawn into it.
        captured_ns: when it was handed to the encoder.
        rtp: its RTP time stamp; None where no packet of it was sent.
        sent_ns: when the last of its packets was first sent.
    """

    number: int
    captured_ns: int
    rtp: int | None = None
    sent_ns: int | None = None


@dataclass(slots=True)
class ScoredFrame:
    """One frame that was scored.

    Attributes:
        sequence: its number in the session, as the scores message has it.
        number: read off it; None where it could not be.
        arrived_ns: when it had been decoded and reached the pipeline.
        scored_ns: when its scores stood.
        faces: the numbers of those that were scored on it.
        stages: nanoseconds by stage.
    """

    sequence: int
    number: int | None
    arrived_ns: int
    scored_ns: int
    faces: list[int]
    stages: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Decoded:
    """One frame that was decoded: its number, and when that began and ended."""

    number: int | None
    began_ns: int
    ended_ns: int


@dataclass(slots=True)
class Session:
    """What is known of one session's frames.

    Attributes:
        sent: every picture.
        scored: every frame that was scored.
        told_ns: when the client had the scores, by the frame's sequence.
        admitted_ns: when frames were given work to do.
        dropped: when, why, how many.
    """

    sent: list[Sent]
    scored: list[ScoredFrame]
    told_ns: dict[int, int]
    admitted_ns: list[int]
    dropped: list[tuple[int, str, int]]


@dataclass(slots=True)
class Record:
    """One run.

    Attributes:
        engine, model: what scored: the engine's name and the model's version.
        ready_s: from the server's start to the first connection it takes.
        sessions: by the server's name for them, in the order in which they began.
        packets: when the newest packet of an RTP time stamp came in; of a run of one session.
        decoded: every decoded frame; of a run of one session.
        began_ns, ended_ns: of the time that counts, after the warm-up.
        server, sender: what their processes used in that time, children included.
    """

    engine: str
    model: str
    ready_s: float
    sessions: dict[str, Session]
    packets: dict[int, int]
    decoded: list[Decoded]
    began_ns: int
    ended_ns: int
    server: Usage
    sender: Usage

    @property
    def seconds(self) -> float:
        """How long it counted."""
        return (self.ended_ns - self.began_ns) / NS_PER_S
