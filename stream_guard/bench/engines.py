"""Every engine in every precision at several batch sizes, measured in turns: speed, agreement, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream_guard.bench.engine_process import EngineProcess, Ready, Task
from stream_guard.errors import ConfigError, EngineError
from stream_guard.inference.engine import Precision
from stream_guard.inference.environment import describe
from stream_guard.inference.registry import Candidate, candidates
from stream_guard.models import store

__all__ = ["BATCHES", "PRECISIONS", "Figures", "Plan", "Skipped", "as_json", "measure", "plan"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16", "int8")
BATCHES = (1, 4, 8, 16)
_REFERENCE = "onnxruntime"
_TURN_S = 0.25
"""How long one engine runs before the next: a busy machine then disturbs all alike."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One row.

    Attributes:
        engine: name.
        device: what it runs on.
        precision: what it computes in.
        batch: faces in one inference.
        size: side of the model's input in pixels.
        median_ms: of one inference, in milliseconds.
        p99_ms: the same, 99th percentile.
        faces_per_s: batch over median.
        times: the median as a multiple of ONNX Runtime's in float32, the median over turns; None where that was
            not measured.
        difference: largest of a logit from ONNX Runtime's in float32.
        memory_mib: by how much the process grew; host memory alone. None where the system does not say.
        runs: how many inferences were timed.
    """

    engine: str
    device: str
    precision: Precision
    batch: int
    size: int
    median_ms: float
    p99_ms: float
    faces_per_s: float
    times: float | None
    difference: float
    memory_mib: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not measured, and why. `precision` and `batch` are None where the whole engine is meant."""

    engine: str
    precision: Precision | None
    batch: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be measured."""

    tasks: tuple[Task, ...]
    skipped: tuple[Skipped, ...]
    model: Path

    @property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes, in order."""
        return tuple(dict.fromkeys(task.batch for task in self.tasks))


def plan(
    *,
    engines: Sequence[str] = (),
    precisions: Sequence[Precision] = PRECISIONS,
    batches: Sequence[int] = BATCHES,
    model: Path | None = None,
    int8: Path | None = None,
    threads: int = 0,
    among: Iterable[Candidate] | None = None,
) -> Plan:
    """Lay out the rows.

    Args:
        engines: names; all where empty.
        precisions: which of them.
        batches: which sizes.
        model: ONNX file; the shipped one where not given.
        int8: the same model, quantised.
        threads: CPU threads; 0 leaves it to each engine.
        among: candidates, where they are known already.

    Raises:
        ConfigError: there is no such engine, or no row is left.
        ModelError: a model file is missing or damaged.
    """
    plain, _ = store.open_model(model) if model else store.default_model()
    quantised = store.open_model(int8)[0] if int8 else None
    rows = tuple(candidates() if among is None else among)
    unknown = set(engines) - {row.name for row in rows}
    if unknown:
        known = ", ".join(row.name for row in rows)
        raise ConfigError(f"there is no engine called {', '.join(sorted(unknown))}; installed are: {known}")
    tasks, skipped = [], []
    for row in rows:
        if engines and row.name not in engines:
            continue
        if not row.probe.available:
            skipped.append(Skipped(row.name, None, None, row.probe.reason))
            continue
        for precision in precisions:
            file = quantised if precision == "int8" else plain
            if file is None:
                reason = "needs a quantised model: make it with stream-guard models quantise, give it with --int8"
                skipped.append(Skipped(row.name, precision, None, reason))
                continue
            tasks += [Task(row.name, precision, batch, file, threads) for batch in batches]
    if not tasks:
        reasons = "; ".join(f"{one.engine}: {one.reason}" for one in skipped)
        raise ConfigError(f"there is nothing to measure: {reasons or 'no engine is installed'}")
    return Plan(tuple(sorted(tasks, key=lambda task: batches.index(task.batch))), tuple(skipped), plain)


def measure(
    plan: Plan, *, seconds: float = 3.0, progress: Callable[[float], None] = lambda share: None
) -> tuple[list[Figures], list[Skipped]]:
    """Measure every row; those of one batch size take turns.

    Args:
        plan: what to measure.
        seconds: of inferences for each row.
        progress: is told the share that is done, 0 to 1.

    Returns:
        The rows, and what could not be measured.

    Raises:
        EngineError: ONNX Runtime, which all are compared with, does not run.
    """
    figures: list[Figures] = []
    skipped = list(plan.skipped)
    largest = max(plan.batches)
    with EngineProcess.running(Task(_REFERENCE, "fp32", largest, plan.model)) as process:
        reference = process.ready().logits
    for number, batch in enumerate(plan.batches):
        with ExitStack() as stack:
            tasks = [task for task in plan.tasks if task.batch == batch]
            started = {task: stack.enter_context(EngineProcess.running(task)) for task in tasks}
            running: dict[Task, tuple[EngineProcess, Ready]] = {}
            for task, process in started.items():
                try:
                    running[task] = process, process.ready()
                except EngineError as error:
                    skipped.append(Skipped(task.engine, task.precision, batch, str(error)))
            turns = max(1, round(seconds / _TURN_S))

            def tell(turn: int, number: int = number, turns: int = turns) -> None:
                progress((number + turn / turns) / len(plan.batches))

            took = _in_turns(running, turns, seconds / turns, skipped, tell)
            for task, durations in took.items():
                process, ready = running[task]
                figures.append(_figures(task, ready, durations, took, reference[:batch], process.memory_mib()))
    return figures, _grouped(skipped)


def as_json(
    plan: Plan, figures: Sequence[Figures], skipped: Sequence[Skipped], *, seconds: float
) -> dict[str, Any]:
    """Return a benchmark as plain values, with the machine's record."""
    _, manifest = store.open_model(plan.model)
    return {
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
        "seconds": seconds,
        "rows": [asdict(row) for row in figures],
        "skipped": [asdict(one) for one in skipped],
        "machine": asdict(describe()),
    }


def _in_turns(
    running: dict[Task, tuple[EngineProcess, Ready]],
    turns: int,
    turn_s: float,
    skipped: list[Skipped],
    tell: Callable[[int], None],
) -> dict[Task, list[NDArray[np.float64]]]:
    """Let each run for a moment, round after round; one that fails drops out."""
    took: dict[Task, list[NDArray[np.float64]]] = {task: [] for task in running}
    for turn in range(turns):
        for task in list(took):
            try:
                took[task].append(running[task][0].run(turn_s))
            except EngineError as error:
                skipped.append(Skipped(task.engine, task.precision, task.batch, str(error)))
                del took[task]
        tell(turn + 1)
    return took


def _figures(
    task: Task,
    ready: Ready,
    durations: list[NDArray[np.float64]],
    took: dict[Task, list[NDArray[np.float64]]],
    reference: NDArray[np.float32],
    memory_mib: float | None,
) -> Figures:
    every = np.concatenate(durations)
    median = float(np.median(every))
    base = next((took[one] for one in took if (one.engine, one.precision) == (_REFERENCE, "fp32")), None)
    times = None
    if base is not None:
        times = float(np.median([np.median(a) / np.median(b) for a, b in zip(durations, base, strict=True)]))
    return Figures(
        engine=task.engine,
        device=ready.device,
        precision=task.precision,
        batch=task.batch,
        size=ready.size,
        median_ms=median,
        p99_ms=float(np.percentile(every, 99)),
        faces_per_s=task.batch / median * 1e3,
        times=times,
        difference=float(np.abs(ready.logits - reference).max()),
        memory_mib=memory_mib,
        runs=len(every),
    )


def _grouped(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Say once what holds for every batch size."""
    by_reason: dict[tuple[str, Precision | None, str], list[int | None]] = {}
    for one in skipped:
        by_reason.setdefault((one.engine, one.precision, one.reason), []).append(one.batch)
    return [
        Skipped(engine, precision, batches[0] if len(batches) == 1 else None, reason)
        for (engine, precision, reason), batches in by_reason.items()
    ]
