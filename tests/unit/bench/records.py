"""A run that never was, with round figures."""

from __future__ import annotations

from stream_guard.bench.processes import Usage
from stream_guard.bench.record import Decoded, Record, ScoredFrame, Sent, Session
from stream_guard.clock import NS_PER_MS, NS_PER_S

FPS = 10
MS = NS_PER_MS


def record(*, frames: int = 20, superseded: frozenset[int] = frozenset(), loop: int | None = None) -> Record:
    """Make a record of frames 100 ms apart, each 70 ms from glass to score; frame 3 of them was never decoded.

    Args:
        frames: that were captured.
        superseded: decoded, and not looked at.
        loop: after how many frames the numbers begin anew.
    """
    sent, scored, decoded, told_ns, packets = [], [], [], {}, {}
    dropped: list[tuple[int, str, int]] = []
    for count in range(frames):
        at = NS_PER_S + count * 100 * MS
        number = count % loop if loop else count
        sent.append(Sent(number, at, count * 9000, at + 10 * MS))
        packets[count * 9000] = at + 12 * MS
        if count == 3:
            continue
        decoded.append(Decoded(number, at + 15 * MS, at + 20 * MS))
        if count in superseded:
            dropped.append((at + 21 * MS, "superseded", 1))
            continue
        stages = {"wait": 2 * MS, "convert": MS, "track": 20 * MS, "align": MS, "infer": 10 * MS, "total": 40 * MS}
        scored.append(ScoredFrame(count, number, at + 21 * MS, at + 61 * MS, [1], stages))
        told_ns[count] = at + 70 * MS
    session = Session(sent, scored, told_ns, [one.arrived_ns + 2 * MS for one in scored], dropped)
    return Record(
        engine="scripted",
        model="0",
        ready_s=1.0,
        sessions={"c1": session},
        packets=packets,
        decoded=decoded,
        began_ns=NS_PER_S,
        ended_ns=NS_PER_S + frames * 100 * MS,
        server=Usage(cpu_s=0.4, memory_mib=100.0, threads=9),
        sender=Usage(cpu_s=0.2, memory_mib=50.0, threads=3),
    )
