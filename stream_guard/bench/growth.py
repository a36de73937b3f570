"""How processor time and latency grow with faces and with sessions, where every frame is scored.

A benchmark at its limit grows no further: it drops. So pictures come slowly enough here that nothing need be left
out, and the server's budget is wide; what remains is what one face or one session more costs. Faces are all of one
size, in a grid whose other places stay empty, so that a face is the same work whoever is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stream_guard.bench.latency import flights, percentiles, scored, within
from stream_guard.bench.record import Record
from stream_guard.bench.sender import Plan
from stream_guard.clock import ms

__all__ = ["COUNTS", "SETTINGS", "growth", "plans", "step"]

COUNTS = {"faces": (1, 2, 4, 9), "sessions": (1, 2, 3, 5)}
"""What is counted, and its steps."""

SETTINGS: Mapping[str, object] = {"budget_ms": 1000.0, "max_age_ms": 2000.0}
"""Of the server: wide enough to look at every face of every frame."""

_FPS = 5
_ROWS = 3


def plans(plan: Plan, what: str) -> list[tuple[int, Plan]]:
    """Return what is played at each step, and how many there are in it.

    Args:
        plan: codec, size and bitrate of one session.
        what: ``faces`` or ``sessions``.
    """
    shape = replace(plan.shape, fps=_FPS, faces=1, rows=_ROWS if what == "faces" else 0)
    one = replace(plan, shape=shape, sessions=1, encoded=True)
    if what == "faces":
        return [(count, replace(one, shape=replace(shape, faces=count))) for count in COUNTS[what]]
    return [(count, replace(one, sessions=count)) for count in COUNTS[what]]


def step(record: Record, *, count: int, faces: int) -> dict[str, Any]:
    """Return what a run says.

    Args:
        record: of the run.
        count: of faces or sessions.
        faces: in each session.
    """
    latencies = [ms(one.total_ns) for session in record.sessions.values() for one in flights(record, session)]
    scores = sum(len(frame.faces) for session in record.sessions.values() for frame in scored(record, session))
    asked = faces * sum(len(within(record, session)) for session in record.sessions.values())
    return {
        "count": count,
        "cores": round(record.server.cpu_s / record.seconds, 4),
        "glass_to_score_ms": percentiles(latencies),
        "share_scored": round(scores / max(1, asked), 3),
        "memory_mib": round(record.server.memory_mib),
        "threads": record.server.threads,
        "sender_cores": round(record.sender.cpu_s / record.seconds, 3),
    }


def growth(counts: Sequence[int], costs: Sequence[float]) -> dict[str, float | None]:
    """Return how a cost grows.

    Args:
        counts: of what it is the cost, rising, at least two.
        costs: at each count.

    Returns:
        ``first``, ``last``: what one more costs in the first step and in the last. ``last_over_first``: 1 where
        growth is linear, below where one more becomes cheaper. ``whole``: the cost at the last count over that at
        the first. Both are None where that cost nothing. ``exponent``: of the power of the count that fits best
        (least squares of logarithms); below 1 with a fixed part, above 1 where growth is more than linear.
    """
    slopes = np.diff(costs) / np.diff(counts)
    exponent = np.polyfit(np.log(counts), np.log(np.maximum(costs, 1e-9)), 1)[0]
    return {
        "first": round(float(slopes[0]), 4),
        "last": round(float(slopes[-1]), 4),
        "last_over_first": round(float(slopes[-1] / slopes[0]), 3) if slopes[0] > 0 else None,
        "whole": round(costs[-1] / costs[0], 3) if costs[0] > 0 else None,
        "exponent": round(float(exponent), 3),
    }
