"""The engines on a GPU: do they answer as ONNX Runtime does in float32, and what do CUDA graphs save?

``python -m benchmarks.gpu.engines [--json FILE]``. Speed by engine, precision and batch size is another command's
matter: ``stream-guard bench engines``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from stream_guard.bench.engine_process import pictures
from stream_guard.errors import EngineUnavailable, StreamGuardError
from stream_guard.inference import environment
from stream_guard.inference.engine import Engine, EngineOptions, Precision
from stream_guard.inference.registry import Candidate, candidates
from stream_guard.models import store
from stream_guard.models.manifest import Manifest

__all__ = ["Parity", "compare", "graphs_against_launches", "main", "without_graphs"]

ON_GPU = ("tensorrt", "torch")
BATCHES = (1, 4, 8, 16)
COMPARED = 64
LIMITS: dict[Precision, float] = {"fp32": 1e-3, "fp16": 5e-3}
"""How far a face's probability may be from float32 ONNX Runtime's."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How one engine's answers differ from ONNX Runtime's in float32.

    Attributes:
        engine, precision: which.
        logit: the largest difference of two logits.
        probability: the largest difference of two calibrated probabilities.
        passed: whether that is inside the limit.
    """

    engine: str
    precision: str
    logit: float
    probability: float
    passed: bool


def compare(
    engine: type[Engine], precision: Precision, model: Path, manifest: Manifest, wanted: NDArray[np.float32]
) -> Parity:
    """Ask an engine about the same pictures.

    Args:
        engine: that can run here.
        precision: to compute in.
        model: the ONNX file.
        manifest: the file's.
        wanted: logits of ``pictures(COMPARED, size)``.

    Raises:
        EngineError: it cannot run, or not in this precision.
    """
    logits = _logits(engine, precision, model, manifest)
    probability = float(np.abs(_probability(logits, manifest) - _probability(wanted, manifest)).max())
    logit = float(np.abs(logits - wanted).max())
    return Parity(engine.name, precision, logit, probability, probability <= LIMITS[precision])


def graphs_against_launches(engine: Engine, size: int, *, seconds: float) -> list[dict[str, Any]]:
    """Return the median ms of a batch with CUDA graphs and without, in turns."""
    rows = []
    for count in BATCHES:
        batch = pictures(count, size)
        taken: dict[str, list[float]] = {"graph": [], "launches": []}
        ends = time.perf_counter() + seconds
        while not all(taken.values()) or time.perf_counter() < ends:
            taken["graph"].append(_timed(engine, batch))
            restore = without_graphs(engine)
            try:
                taken["launches"].append(_timed(engine, batch))
            finally:
                restore()
        medians = {f"{name}_ms": round(float(np.median(times)), 4) for name, times in taken.items()}
        rows.append({"engine": engine.name, "batch": count, **medians, "runs": len(taken["graph"])})
    return rows


def without_graphs(engine: Engine) -> Callable[[], None]:
    """Let an engine launch step by step, and return what undoes it. Knows the insides of our two GPU engines.

    Raises:
        EngineUnavailable: this engine has no CUDA graphs.
    """
    session: Any = getattr(engine, "_session", None)
    runner: Any = getattr(engine, "_runner", None) if session is None else session if session.captured else None
    if hasattr(runner, "graphs_on"):
        runner.graphs_on = False
        return lambda: setattr(runner, "graphs_on", True)
    raise EngineUnavailable(f"{engine.name} runs without CUDA graphs here")


def main(arguments: list[str] | None = None) -> int:
    """Run it; the exit code is 1 where an engine is too far off or fails, 2 where none can run on a GPU."""
    parser = argparse.ArgumentParser(description="Check the engines on the first NVIDIA GPU.")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each batch size")
    parser.add_argument("--json", type=Path, help="write the figures, with the machine's record")
    wanted = parser.parse_args(arguments)
    console = Console()
    rows = {row.name: row for row in candidates()}
    running = [row for row in rows.values() if row.name in ON_GPU and row.probe.device.startswith("cuda")]
    for name in ON_GPU:
        reason = rows[name].probe.reason if name in rows else "it is not installed"
        if name not in {row.name for row in running}:
            console.print(f"not measured: {name}: {reason}", markup=False)
    if not running:
        return 2
    model, manifest = store.default_model()
    parities, timings, failed = _measured(running, rows, model, manifest, wanted.seconds, console)
    if wanted.json is not None:
        record = {
            "machine": asdict(environment.describe()),
            "parity": [asdict(one) for one in parities],
            "graphs": timings,
        }
        wanted.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 1 if failed or not all(one.passed for one in parities) else 0


def _measured(
    running: list[Candidate],
    rows: dict[str, Candidate],
    model: Path,
    manifest: Manifest,
    seconds: float,
    console: Console,
) -> tuple[list[Parity], list[dict[str, Any]], bool]:
    base = rows["onnxruntime"].engine
    assert base is not None
    wanted = _logits(base, "fp32", model, manifest)
    parities: list[Parity] = []
    timings: list[dict[str, Any]] = []
    failed = False
    for row in running:
        assert row.engine is not None
        for precision in LIMITS:
            try:
                one = compare(row.engine, precision, model, manifest, wanted)
                parities.append(one)
                verdict = "passed" if one.passed else f"FAILED, {LIMITS[precision]} is allowed"
                told = f"logits off by {one.logit:.1e}, probabilities by {one.probability:.1e}: {verdict}"
                console.print(f"{row.name} {precision}: {told}", markup=False)
                timings += _timings(row.engine, precision, model, manifest, seconds)
            except EngineUnavailable as error:
                console.print(f"not measured: {row.name} {precision}: {error}", markup=False)
            except StreamGuardError as error:
                failed = True
                console.print(f"failed: {row.name} {precision}: {error}", markup=False)
    for timing in timings:
        console.print(
            "{engine} {precision} batch {batch}: graph {graph_ms} ms, launches {launches_ms} ms".format(**timing)
        )
    return parities, timings, failed


def _timings(
    engine: type[Engine], precision: Precision, model: Path, manifest: Manifest, seconds: float
) -> list[dict[str, Any]]:
    loaded = engine()
    try:
        loaded.load(model, manifest, EngineOptions(max_batch=max(BATCHES), precision=precision))
        rows = graphs_against_launches(loaded, manifest.size, seconds=seconds)
        return [{"precision": precision, **row} for row in rows]
    finally:
        loaded.close()


def _logits(engine: type[Engine], precision: Precision, model: Path, manifest: Manifest) -> NDArray[np.float32]:
    loaded = engine()
    try:
        loaded.load(model, manifest, EngineOptions(max_batch=16, precision=precision))
        faces = pictures(COMPARED, manifest.size)
        return np.concatenate([loaded.infer(faces[at : at + 16]).logits for at in range(0, COMPARED, 16)])
    finally:
        loaded.close()


def _probability(logits: NDArray[np.float32], manifest: Manifest) -> NDArray[np.float64]:
    calibration = manifest.calibration
    ratios = (logits.astype(np.float64) - calibration.bias) / calibration.temperature
    return 1 / (1 + np.exp(-ratios))


def _timed(engine: Engine, batch: NDArray[np.uint8]) -> float:
    began = time.perf_counter()
    engine.infer(batch)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
