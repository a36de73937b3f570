"""Which engines there are, which of them can run here, and which is taken.

Engines enter by the entry point group ``stream_guard.engines``; those that come with stream-guard use the
same door as anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Engine, Network, Probe

__all__ = ["GROUP", "Candidate", "candidates", "choose", "choose_cpu", "engine_class", "open_network", "ranked"]

GROUP = "stream_guard.engines"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One engine that is installed, whether or not it can run.

    Attributes:
        name: of its entry point: what ``--engine`` takes.
        probe: what it says of this machine; the error where it could not even be imported.
        engine: the class, or None where it could not be imported.
    """

    name: str
    probe: Probe
    engine: type[Engine] | None


def candidates(points: Iterable[EntryPoint] | None = None) -> tuple[Candidate, ...]:
    """Return every engine, the one that ``auto`` takes first, those that cannot run last. Never raises.

    Args:
        points: entry points to look at instead of the installed ones.
    """
    found = [_candidate(point) for point in (entry_points(group=GROUP) if points is None else points)]
    return tuple(sorted(found, key=lambda one: (not one.probe.available, -one.probe.preference, one.name)))


def ranked(wanted: str = "auto", *, among: Iterable[Candidate] | None = None) -> tuple[type[Engine], ...]:
    """Return the engines that should run here, the one to use first; the others can take over should it fail.

    Args:
        wanted: an engine's name, or ``auto`` for the best that can run here.
        among: candidates, where they are known already: probing imports the backends.

    Raises:
        EngineUnavailable: there is none, or not this one; the message gives the reasons.
    """
    rows = tuple(candidates() if among is None else among)
    first = choose(wanted, among=rows)
    others = [row.engine for row in rows if row.probe.available and row.engine not in (None, first)]
    return (first, *(engine for engine in others if engine is not None))


def choose(wanted: str = "auto", *, among: Iterable[Candidate] | None = None) -> type[Engine]:
    """Return the engine to use.

    Args:
        wanted: an engine's name, or ``auto`` for the best that can run here.
        among: candidates, where they are known already: probing imports the backends.

    Raises:
        EngineUnavailable: there is none, or not this one; the message gives the reasons.
    """
    rows = tuple(candidates() if among is None else among)
    asked = [row for row in rows if wanted in ("auto", row.name)]
    for row in asked:
        if row.engine is not None and row.probe.available:
            return row.engine
    if not asked and wanted != "auto":
        known = ", ".join(row.name for row in rows) or "none"
        raise EngineUnavailable(f"there is no engine called {wanted}; installed are: {known}")
    reasons = "; ".join(f"{row.name}: {row.probe.reason}" for row in asked) or "none is installed"
    raise EngineUnavailable(f"no engine can run here: {reasons}")


def engine_class(name: str) -> type[Engine]:
    """Return an engine by its name, without probing it or importing any other.

    Raises:
        EngineUnavailable: there is none of this name, or it cannot be imported.
    """
    points = entry_points(group=GROUP, name=name)
    found = _candidate(next(iter(points)), probe=False) if points else None
    if found is None or found.engine is None:
        raise EngineUnavailable(found.probe.reason if found else f"there is no engine called {name}")
    return found.engine


def choose_cpu(*, among: Iterable[Candidate] | None = None) -> type[Engine]:
    """Return the best engine on the CPU: it opens the small networks beside the detector (`Engine.open_network`).

    Args:
        among: candidates, where they are known already.

    Raises:
        EngineUnavailable: there is none; the message gives the reasons.
    """
    rows = tuple(candidates() if among is None else among)
    return choose(among=[row for row in rows if row.probe.device == "cpu" or not row.probe.available])


def open_network(
    path: Path,
    input_shape: tuple[int, int, int, int],
    *,
    threads: int = 0,
    exact: bool = False,
    among: Iterable[Candidate] | None = None,
) -> Network:
    """Open a small network beside the detector by the first engine on the CPU that takes it.

    Args:
        path: an ONNX file with one float32 input, or another that some engine reads.
        input_shape: of the input, such as (1, channels, height, width).
        threads: CPU threads; 0 leaves it to the engine.
        exact: compute in float32.
        among: candidates, where they are known already.

    Raises:
        EngineUnavailable: no engine on the CPU takes it; the message gives the reasons.
    """
    rows = tuple(candidates() if among is None else among)
    choose_cpu(among=rows)
    reasons = []
    for row in rows:
        if row.engine is None or not row.probe.available or row.probe.device != "cpu":
            continue
        try:
            return row.engine.open_network(path, input_shape, threads=threads, exact=exact)
        except EngineError as error:
            reasons.append(f"{row.name}: {error}")
    raise EngineUnavailable(f"no engine opens {path.name}: {'; '.join(reasons)}")


def _candidate(point: EntryPoint, *, probe: bool = True) -> Candidate:
    """Import and probe one engine. Somebody else's broken package becomes a row with its error."""
    try:
        engine = point.load()
    except Exception as error:
        return Candidate(point.name, Probe(False, f"cannot be imported: {_told(error)}"), None)
    if not (isinstance(engine, type) and issubclass(engine, Engine)):
        return Candidate(point.name, Probe(False, f"{point.value} is not a stream_guard Engine"), None)
    if not probe:
        return Candidate(point.name, Probe(False, "not probed"), engine)
    try:
        return Candidate(point.name, engine.probe(), engine)
    except Exception as error:
        return Candidate(point.name, Probe(False, f"its probe failed: {_told(error)}"), engine)


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
