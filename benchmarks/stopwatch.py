"""What the stages of a pipeline took, for benchmarks that run one in their own process."""

from __future__ import annotations

from collections import defaultdict

from stream_guard.clock import ms
from stream_guard.pipeline.observers import Observer, SessionInfo, Stage

__all__ = ["Stopwatch"]


class Stopwatch(Observer):
    """Keeps every duration.

    Attributes:
        stages: milliseconds, by stage.
    """

    def __init__(self) -> None:
        self.stages: dict[str, list[float]] = defaultdict(list)

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        """Keep it."""
        self.stages[stage].append(ms(duration_ns))
