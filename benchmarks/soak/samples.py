"""What a process and its children hold at a moment, and what it may hold more of in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import httpx
import psutil

__all__ = ["BOUNDS", "Sample", "grown", "take"]

BOUNDS = {"rss_mib": 40.0, "threads": 2.0, "handles": 4.0, "sockets": 1.0, "tasks": 2.0, "children": 0.0}
"""How much more of each may be there at the last rest than at the first of the same phase. Memory: allocators keep
what they had at the worst moment. Threads and handles: pools that are begun at their first use."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server and its children at a moment.

    Attributes:
        at_s: seconds since the soak began.
        phase: what measures the faces: ``network`` or ``mediapipe``.
        rest: whether no call was running, and none had for a while.
        sessions: that run.
        rss_mib: resident memory of all processes, in MiB.
        threads, handles: of all processes.
        sockets: the server's own.
        tasks: of its event loop.
        children: processes beside the server.
    """

    at_s: float
    phase: str
    rest: bool
    sessions: int
    rss_mib: float
    threads: int
    handles: int
    sockets: int
    tasks: int
    children: int


async def take(
    server: psutil.Process, http: httpx.AsyncClient, url: str, *, at_s: float, phase: str, rest: bool
) -> Sample:
    """Look at a server.

    Args:
        server: its process.
        http: to ask it by.
        url: of it.
        at_s: now, since the soak began.
        phase: what measures the faces.
        rest: whether no call runs.
    """
    text = (await http.get(f"{url}/metrics")).text
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("stream_guard_event_loop"))
    health = (await http.get(f"{url}/healthz")).json()
    processes = [server, *server.children(recursive=True)]
    rss = threads = handles = 0
    for process in processes:
        try:
            with process.oneshot():
                rss += process.memory_info().rss
                threads += process.num_threads()
                handles += process.num_fds()
        except psutil.Error:  # it has just ended
            continue
    return Sample(
        at_s=round(at_s, 1),
        phase=phase,
        rest=rest,
        sessions=int(health["sessions"]),
        rss_mib=round(rss / 2**20, 1),
        threads=threads,
        handles=handles,
        sockets=len(server.net_connections(kind="all")),
        tasks=int(float(figures["stream_guard_event_loop_tasks"])),
        children=len(processes) - 1,
    )


def grown(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    """Return for each phase and figure what it was at the first rest and at the last one, and the bound."""
    report: dict[str, dict[str, dict[str, float]]] = {}
    for phase in dict.fromkeys(sample.phase for sample in samples):
        rests = [asdict(sample) for sample in samples if sample.rest and sample.phase == phase]
        if len(rests) < 2:
            continue
        report[phase] = {
            name: {
                "first": rests[0][name],
                "last": rests[-1][name],
                "more": round(rests[-1][name] - rests[0][name], 1),
                "bound": bound,
            }
            for name, bound in BOUNDS.items()
        }
    return report
