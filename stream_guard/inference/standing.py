"""Which engine runs, and why those before it do not: what `doctor`, the wire and the dashboard show."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PassedOver", "Standing"]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An engine that was to run and does not.

    Attributes:
        name: of the engine.
        reason: one line.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the engines stand.

    Attributes:
        engine: the one that runs; empty where none is left.
        device: what it runs on, such as ``cpu`` or ``cuda:0``.
        passed_over: those that were to run before it, in the order in which they were given up.
        stuck: threads of engines that hung and have not come back.
    """

    engine: str = ""
    device: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    stuck: int = 0

    @property
    def reasons(self) -> str:
        """Why each engine that was tried does not run, in one line; empty where none failed."""
        return "; ".join(f"{one.name}: {one.reason}" for one in self.passed_over)
