"""How many calls at a time: sessions are added until a stated bound breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stream_guard.bench.latency import flights, percentiles, rates, scored
from stream_guard.bench.record import Record
from stream_guard.bench.run import play
from stream_guard.bench.sender import Plan
from stream_guard.clock import ms

__all__ = ["Bound", "Step", "climb", "step"]

Step = dict[str, object]
"""The figures of one number of sessions, plain data for JSON."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What must hold.

    Attributes:
        p95_ms: glass to score, over the frames of all sessions together.
        rate: scores a second, for each face of each session.
    """

    p95_ms: float = 150.0
    rate: float = 10.0


def step(record: Record, *, faces: int, bound: Bound) -> Step:
    """Return what a run says.

    Args:
        record: of the run.
        faces: in each session.
        bound: that must hold.

    Returns:
        ``held`` and what it rests on; ``scores_a_second_and_face`` is of the face that fared worst in any session.
    """
    latencies: list[float] = []
    worst = []
    dropped: Counter[str] = Counter()
    for session in record.sessions.values():
        latencies += [ms(one.total_ns) for one in flights(record, session)]
        worst.append(rates(scored(record, session), faces=faces, seconds=record.seconds)[-1])
        for at_ns, cause, count in session.dropped:
            if record.began_ns <= at_ns < record.ended_ns:
                dropped[cause] += count
    whole = percentiles(latencies)
    slowest = min(worst)
    return {
        "sessions": len(record.sessions),
        "held": bool(whole) and whole["p95"] <= bound.p95_ms and slowest >= bound.rate,
        "glass_to_score_ms": whole,
        "scores_a_second_and_face": slowest,
        "scores_a_second_by_session": worst,
        "dropped": dict(dropped),
        "cores": round(record.server.cpu_s / record.seconds, 3),
        "memory_mib": round(record.server.memory_mib),
        "threads": record.server.threads,
        "sender_cores": round(record.sender.cpu_s / record.seconds, 3),
    }


async def climb(
    packets: Path,
    plan: Plan,
    *,
    bound: Bound,
    most: int,
    seconds: float,
    warm_up_s: float,
    settings: dict[str, object],
    told: Callable[[Step], None] = lambda figures: None,
    tick: Callable[[float], None] = lambda passed: None,
) -> Sequence[Step]:
    """Add sessions, one at a time, until the bound breaks; every number has a server of its own.

    Args:
        packets: a file of `clip.save`.
        plan: of one session.
        bound: that must hold.
        most: sessions.
        seconds: how long each number of sessions is watched.
        warm_up_s: before.
        settings: of the server.
        told: is called with each step's figures.
        tick: as for `stream_guard.bench.run.play`, in each step anew.

    Returns:
        The steps; the last is the first that broke the bound, if any did.
    """
    steps: list[Step] = []
    for sessions in range(1, most + 1):
        record = await play(
            packets,
            replace(plan, sessions=sessions, encoded=True),
            seconds=seconds,
            warm_up_s=warm_up_s,
            settings={"max_sessions": most, **settings},
            tick=tick,
        )
        steps.append(step(record, faces=plan.shape.faces, bound=bound))
        told(steps[-1])
        if not steps[-1]["held"]:
            break
    return steps
