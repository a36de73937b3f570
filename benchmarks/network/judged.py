"""What is said of a call that arrived: the real pipeline and model, on the time line of the arrivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.network.received import Received
from stream_guard.app import Runtime
from stream_guard.clock import seconds
from stream_guard.errors import SourceEnded
from stream_guard.evaluation.call import freezes
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.scoring.observation import EventKind, Observation, State, Update
from stream_guard.scoring.session import Session
from stream_guard.sources.base import Source, Transport

__all__ = ["Said", "judge", "summary"]


class Replay(Source):
    """Hands out what arrived, one after another; whoever reads it is not in a hurry."""

    live = False
    name = kind = "replay"

    def __init__(self, received: Received) -> None:
        self._left = iter(received.kept)
        self._transport = Transport()

    async def open(self) -> None:
        """See `Source.open`."""

    async def recv(self) -> Frame:
        """See `Source.recv`."""
        following = next(self._left, None)
        if following is None:
            raise SourceEnded("that was all")
        frame, self._transport = following
        return frame

    async def close(self) -> None:
        """See `Source.close`."""

    def transport(self) -> Transport:
        """See `Source.transport`."""
        return self._transport


@dataclass
class Said:
    """What one way of judging said of a call.

    Attributes:
        alarms_s: when an alarm was raised, in seconds.
        flagged_s: how long a face was called suspicious or synthetic.
        judged_s: how long there was a word on a face at all.
        stale_s: when the picture was declared stale.
        llrs: of every scored frame.
    """

    alarms_s: list[float] = field(default_factory=list)
    flagged_s: float = 0.0
    judged_s: float = 0.0
    stale_s: list[float] = field(default_factory=list)
    llrs: list[float] = field(default_factory=list)


class _Judges:
    """Several scorers that see the same; the pipeline hears the first."""

    def __init__(self, scorers: Sequence[Session]) -> None:
        self._scorers = scorers
        self.said = [Said() for _ in scorers]
        self._at_s: float | None = None

    def receive(self, observation: Observation) -> Update:
        at_s = seconds(observation.at_ns)
        stood_s = min(0.5, at_s - self._at_s) if self._at_s is not None else 0.0
        self._at_s = at_s
        updates = [scorer.receive(observation) for scorer in self._scorers]
        llrs = [face.llr for face in observation.faces if face.llr is not None]
        for said, update in zip(self.said, updates, strict=True):
            for event in update.events:
                if event.kind is EventKind.ALARM_RAISED:
                    said.alarms_s.append(seconds(event.at_ns))
                if event.kind is EventKind.STALE:
                    said.stale_s.append(seconds(event.at_ns))
            states = {face.state for face in update.faces}
            said.flagged_s += stood_s * bool(states & {State.SUSPICIOUS, State.SYNTHETIC})
            said.judged_s += stood_s * bool(states & {State.AUTHENTIC, State.SUSPICIOUS, State.SYNTHETIC})
            said.llrs += llrs
        return updates[0]

    def tick(self, now_ns: int) -> Update:
        return self._scorers[0].tick(now_ns)

    def trust(self, face: int) -> bool:
        return False


async def judge(runtime: Runtime, received: Received, scorers: Sequence[Session]) -> list[Said]:
    """Return what each scorer says of a call."""
    judges = _Judges(scorers)
    info = SessionInfo(id="c1", kind="replay", label="replay", live=False)
    source = Replay(received)
    pipeline = runtime.pipeline(info, source, scorer=judges)
    await pipeline.run()
    return judges.said


def summary(received: Received, said: Sequence[Said], *, length_s: float) -> dict[str, object]:
    """Return one call's figures as plain values."""
    count, frozen_s = freezes(received.arrivals_s)
    after = [at for at in received.arrivals_s if at > received.happened_s]
    gaps = np.diff([received.happened_s, *after]) if after else np.array([length_s])
    return {
        "pictures": len(received.arrivals_s),
        "seconds": round(received.arrivals_s[-1], 2) if received.arrivals_s else 0.0,
        "freezes": count,
        "frozen_s": round(frozen_s, 2),
        "longest_gap_s": round(float(gaps.max()), 2),
        "passed_over": received.last.passed_over,
        "damaged": received.last.damaged,
        "lost_packets": received.last.lost,
        "looked_at": len(received.kept),
        "mean_llr": round(float(np.mean(said[0].llrs)), 3) if said[0].llrs else None,
        "judged_s": round(said[0].judged_s, 2),
        "stale": len(said[0].stale_s),
        "alarms": [len(one.alarms_s) for one in said],
        "flagged_s": [round(one.flagged_s, 2) for one in said],
    }
