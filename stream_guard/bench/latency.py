"""From what was seen of a run to figures: glass to score, where the time went, and what became of every frame.

Glass to score is measured outside of the pipeline: from the moment a picture with its number in it is handed to the
sender's encoder to the moment a websocket client has the scores of the frame off which that number was read. The
stages in between are what the clocks inside say, so they tell where the time went, not how much it was; together
they are the whole of it, because each begins where the one before ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.bench.mark import MODULUS
from stream_guard.bench.record import Record, ScoredFrame, Sent, Session
from stream_guard.clock import ms

__all__ = ["STAGES", "Flight", "figures", "flights", "percentiles", "rates", "scored", "within"]

STAGES = (
    "encode and send",
    "network",
    "jitter buffer",
    "decode",
    "hand over",
    "wait",
    "convert",
    "find",
    "track",
    "align",
    "infer",
    "threads",
    "send scores",
)
"""In the order in which a frame goes through them. ``hand over``: from the decoder's thread to the pipeline.
``wait``: until it is admitted. ``threads``: of the way from admission to scores, what no stage accounts for."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One frame's way.

    Attributes:
        number: drawn into it.
        captured_ns: when it set off.
        total_ns: from capture to the client.
        stages_ns: by stage; of a run of several sessions those before ``wait`` are not known.
    """

    number: int
    captured_ns: int
    total_ns: int
    stages_ns: Mapping[str, int]


def within(record: Record, session: Session) -> list[Sent]:
    """Return the pictures that count: those captured after the warm-up and before the end."""
    return [one for one in session.sent if record.began_ns <= one.captured_ns < record.ended_ns]


def scored(record: Record, session: Session) -> list[ScoredFrame]:
    """Return the frames that were scored in the time that counts."""
    return [frame for frame in session.scored if record.began_ns <= frame.arrived_ns < record.ended_ns]


def flights(record: Record, session: Session) -> list[Flight]:
    """Join what was sent, scored and told, by the number that was drawn, of the pictures that count."""
    captures: dict[int, list[Sent]] = {}
    for one in session.sent:
        captures.setdefault(one.number % MODULUS, []).append(one)
    decoded = {one.number: one for one in record.decoded}
    found = []
    for frame in session.scored:
        told_ns = session.told_ns.get(frame.sequence)
        sent = _newest(captures.get(frame.number if frame.number is not None else -1, []), frame.arrived_ns)
        if told_ns is None or sent is None or not record.began_ns <= sent.captured_ns < record.ended_ns:
            continue
        steps: dict[str, int] = {}
        picture = decoded.get(frame.number)
        came_ns = record.packets.get(sent.rtp) if sent.rtp is not None else None
        if picture is not None and came_ns is not None and sent.sent_ns is not None:
            ends = [sent.sent_ns, came_ns, picture.began_ns, picture.ended_ns, frame.arrived_ns]
            steps = _steps(sent.captured_ns, dict(zip(STAGES, ends, strict=False)))
        steps |= _inside(frame, told_ns)
        found.append(Flight(sent.number, sent.captured_ns, told_ns - sent.captured_ns, steps))
    return found


def _newest(captures: Sequence[Sent], arrived_ns: int) -> Sent | None:
    """Return which picture of one number arrived then: numbers repeat where a clip does."""
    return max(
        (one for one in captures if one.captured_ns <= arrived_ns), key=lambda one: one.captured_ns, default=None
    )


def _steps(began_ns: int, ends_ns: Mapping[str, int]) -> dict[str, int]:
    """Return the durations between moments, none of them negative, together from the first to the last.

    A packet that was sent twice may come after its picture was decoded; then the next moment counts.
    """
    moments = [*np.minimum.accumulate(list(ends_ns.values())[::-1])[::-1]]
    durations = {}
    for stage, end_ns in zip(ends_ns, moments, strict=True):
        end_ns = max(began_ns, int(end_ns))
        durations[stage] = end_ns - began_ns
        began_ns = end_ns
    return durations


def _inside(frame: ScoredFrame, told_ns: int) -> dict[str, int]:
    steps = {stage: frame.stages.get(stage, 0) for stage in ("wait", "convert", "find", "track", "align", "infer")}
    steps["threads"] = frame.scored_ns - frame.arrived_ns - sum(steps.values())
    steps["send scores"] = told_ns - frame.scored_ns
    return steps


def percentiles(values: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    """Return p50, p90, p95, p99 and the largest, nearest rank: each is one that was measured. Empty for nothing."""
    if not len(values):
        return {}
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ranks = {f"p{share}": -(-len(ordered) * share // 100) - 1 for share in (50, 90, 95, 99)}
    return {name: round(float(ordered[rank]), 2) for name, rank in ranks.items()} | {
        "max": round(float(ordered[-1]), 2)
    }


def rates(frames: Iterable[ScoredFrame], *, faces: int, seconds: float) -> list[float]:
    """Return scores a second of each face, the one that fared best first.

    Args:
        frames: that were scored.
        faces: that were to be seen. One that was never scored had none; one that was lost and came back as another
            counts with its longer part.
        seconds: in which they were scored.
    """
    counts = Counter(face for frame in frames for face in frame.faces)
    seen = [round(count / seconds, 2) for _, count in counts.most_common(faces)]
    return seen + [0.0] * (faces - len(seen))


def figures(record: Record, *, faces: int) -> dict[str, object]:
    """Return what a run of one session says.

    Args:
        record: of the run.
        faces: that were to be seen.

    Returns:
        Plain data for JSON: ``glass_to_score_ms``, ``stages_ms``, ``frames``, ``server``, ``sender``.
    """
    session = next(iter(record.sessions.values()))
    flown = flights(record, session)
    sent = within(record, session)
    numbers = {one.number % MODULUS for one in sent}
    frames = [frame for frame in session.scored if frame.number in numbers]
    dropped: Counter[str] = Counter()
    for at_ns, cause, count in session.dropped:
        if record.began_ns <= at_ns < record.ended_ns:
            dropped[cause] += count
    decoded = sum(one.number in numbers for one in record.decoded)
    by_face = rates(frames, faces=faces, seconds=record.seconds)
    scores = sum(len(frame.faces) for frame in frames)
    return {
        "engine": record.engine,
        "model": record.model,
        "seconds": round(record.seconds, 1),
        "ready_s": round(record.ready_s, 2),
        "glass_to_score_ms": percentiles([ms(one.total_ns) for one in flown]),
        "stages_ms": _stages(flown),
        "frames": {
            "sent": len(sent),
            "decoded": decoded,
            "not decoded": len(sent) - decoded,
            "admitted": sum(record.began_ns <= at_ns < record.ended_ns for at_ns in session.admitted_ns),
            "dropped": dict(dropped),
            "scored": len(frames),
            "told": len(flown),
            "unreadable": sum(one.number is None for one in record.decoded),
        },
        "faces": {
            "scores": scores,
            "scores_a_second": round(scores / record.seconds, 2),
            "by_face": by_face,
            "worst_face": min(by_face),
        },
        "server": {
            "cpu_ms_a_frame_sent": round(record.server.cpu_s * 1000 / max(1, len(sent)), 2),
            "cpu_ms_a_frame_scored": round(record.server.cpu_s * 1000 / max(1, len(frames)), 2),
            "cores": round(record.server.cpu_s / record.seconds, 3),
            "memory_mib": round(record.server.memory_mib),
            "threads": record.server.threads,
        },
        "sender": {"cores": round(record.sender.cpu_s / record.seconds, 3)},
    }


def _stages(flown: Sequence[Flight]) -> dict[str, dict[str, float]]:
    """Return mean, percentiles and share of the total, by stage."""
    whole = sum(one.total_ns for one in flown) or 1
    told: dict[str, dict[str, float]] = {}
    for stage in STAGES:
        durations = [one.stages_ns[stage] for one in flown if stage in one.stages_ns]
        if durations:
            told[stage] = {
                "share": round(sum(durations) / whole, 4),
                "mean": round(ms(sum(durations)) / len(durations), 2),
                **percentiles([ms(one) for one in durations]),
            }
    return told
