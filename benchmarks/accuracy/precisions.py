"""What computing in less than float32 costs in accuracy, and what it saves in time.

``python -m benchmarks.accuracy.precisions --data labels.csv [--int8 model-int8.onnx] [--record]`` cuts the clips'
faces once, asks every engine in every precision it has about the same crops, and compares clip by clip with ONNX
Runtime in float32. ``--simulate fp16,bf16`` does so for a GPU that is not here (`benchmarks.accuracy.rounding`).
``--record`` writes the cost into the model's manifest: from then on ``auto`` takes the fastest precision whose AUC
over all clips is at most 0.005 below float32's. What it says of engines that were not measured now stays.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.accuracy.peers.crops import CropStore, View
from benchmarks.accuracy.rounding import RoundedEngine
from stream_guard.errors import EngineError, StreamGuardError
from stream_guard.evaluation.accuracy import Estimate, auc
from stream_guard.evaluation.clips import Clip, find_clips
from stream_guard.evaluation.comparison import ClipScore, pairings
from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.faces.mesh import FaceMesh
from stream_guard.inference.engine import Engine, EngineOptions, Precision
from stream_guard.inference.environment import describe
from stream_guard.inference.precision import MOST_AUC_LOSS
from stream_guard.inference.registry import candidates
from stream_guard.models import store
from stream_guard.models.manifest import Manifest, PrecisionCost
from stream_guard.training.release import write_manifest

__all__ = ["GroupCost", "Variant", "auc_loss", "main"]

_BASE = "onnxruntime fp32"
_FLOATS: tuple[Precision, ...] = ("fp32", "fp16", "bf16")
_TIMED_BATCH = 4
_TABLE = 140
"""What the table needs, in characters: half a number is worse than a line that wraps."""

Crops = list[tuple[Clip, NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True)
class GroupCost:
    """What a precision costs on one group of fakes against its reals.

    Attributes:
        group: of the fakes; ``all`` for every fake against every real.
        fakes: clips.
        reals: clips.
        auc: clip AUC in this precision.
        loss: float32's AUC minus this one, with its 95 % interval.
        pairs_won: share of files with both halves whose fake half scores higher; None where there are none.
    """

    group: str
    fakes: int
    reals: int
    auc: float
    loss: Estimate
    pairs_won: float | None


@dataclass(frozen=True, slots=True)
class Variant:
    """One engine in one precision.

    Attributes:
        name: engine and precision.
        groups: the cost on each group, ``all`` last.
        largest: difference of a logit from float32's.
        rms: the same, root mean square.
        time: of a batch of four as a multiple of the same engine's in float32, the median over turns; None where it
            was simulated.
    """

    name: str
    groups: tuple[GroupCost, ...]
    largest: float
    rms: float
    time: float | None


def auc_loss(base: list[ClipScore], other: list[ClipScore], group: str, *, rounds: int = 2000) -> Estimate:
    """Return how much AUC the other precision loses on a group, with the bootstrap interval of the difference.

    Both precisions score the same clips, so that the same clips are drawn for both (Efron 1979).

    Args:
        base: every clip in float32.
        other: the same clips, in the same order.
        group: of `pairings`.
        rounds: how often to draw.
    """
    exact, rough = (next(one for one in pairings(scores) if one.group == group) for scores in (base, other))
    real = np.array([[score.value for score in one.reals] for one in (exact, rough)])
    fake = np.array([[score.value for score in one.fakes] for one in (exact, rough)])
    rng = np.random.default_rng(0)

    def loss(reals: NDArray[np.float64], fakes: NDArray[np.float64]) -> float:
        return auc(reals[0], fakes[0]) - auc(reals[1], fakes[1])

    drawn = [
        loss(rng.choice(real, real.shape[1], axis=1), rng.choice(fake, fake.shape[1], axis=1))
        for _ in range(rounds)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(loss(real, fake), float(low), float(high))


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, then measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="labelled clips, as stream-guard evaluate takes")
    parser.add_argument("--model", type=Path, help="ONNX file; the shipped one otherwise")
    parser.add_argument("--int8", type=Path, help="the same model, quantised: stream-guard models quantise")
    parser.add_argument("--simulate", default="", help="fp16, bf16 or both, by commas, as TensorRT would compute")
    parser.add_argument("--engines", help="names, by commas; all otherwise. ONNX Runtime is always compared with")
    parser.add_argument("--frames", type=int, default=24, help="looked at in each clip")
    parser.add_argument("--rounds", type=int, default=40, help="turns in which the engines are timed")
    parser.add_argument("--landmarker", type=Path, help="MediaPipe's face_landmarker.task, if not the fetched one")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/stream-guard/precisions", help="crops")
    parser.add_argument("--json", type=Path, help="write the figures")
    parser.add_argument("--record", action="store_true", help="write the cost into the model's manifest")
    options = parser.parse_args(arguments)
    try:
        _measure(options)
    except StreamGuardError as error:
        sys.exit(str(error))


def _measure(options: argparse.Namespace) -> None:
    console = Console(width=max(_TABLE, Console().width))
    onnx, manifest = store.open_model(options.model) if options.model else store.default_model()
    quantised = store.open_model(options.int8) if options.int8 else None
    with console.status("looking for the clips' faces"):
        crops = _crops(options, manifest)
    with ExitStack() as stack, Progress(console=console, transient=True) as progress:
        engines = _engines(stack, console, options.engines, (onnx, manifest), quantised)
        simulated = _simulated(stack, options.simulate, onnx, manifest)
        timed, engines = engines, engines | simulated
        scoring = progress.add_task("score", total=len(engines) * len(crops))
        scores, logits = {}, {}
        for name, engine in engines.items():
            said = []
            for _, faces in crops:
                said.append(predictor(engine)(faces))
                progress.advance(scoring)
            logits[name] = np.concatenate(said)
            scores[name] = [
                ClipScore(clip, tuple(map(float, _calibrated(one, manifest))))
                for (clip, _), one in zip(crops, said, strict=True)
                if len(one)
            ]
        timing = progress.add_task("time", total=options.rounds)
        batch = np.concatenate([faces for _, faces in crops])[:_TIMED_BATCH].copy()
        seconds = _in_turns(timed, batch, options.rounds, lambda: progress.advance(timing))
    variants = [
        Variant(
            name=name,
            groups=tuple(_group_costs(scores[_BASE], scores[name])),
            largest=float(np.abs(logits[name] - logits[_BASE]).max()),
            rms=float(np.sqrt(np.mean((logits[name] - logits[_BASE]) ** 2))),
            time=float(np.median(seconds[name] / seconds[f"{name.split()[0]} fp32"])) if name in timed else None,
        )
        for name in engines
    ]
    _show(console, variants, manifest)
    if options.json is not None:
        report = {
            "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
            "quantised_on": quantised[1].quantised_on if quantised else None,
            "frames": options.frames,
            "variants": [asdict(variant) for variant in variants],
            "machine": asdict(describe()),
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.record:
        measured = [variant for variant in variants if not variant.name.endswith("fp32")]
        costs = {
            (one.precision, one.engine): one
            for one in (*manifest.precisions, *map(_cost, measured, repeat(options)))
        }
        path = (options.model or onnx).with_suffix(".json")
        write_manifest(manifest.model_copy(update={"precisions": tuple(costs.values())}), path)
        console.print(f"written into {path.name}")


def _crops(options: argparse.Namespace, manifest: Manifest) -> Crops:
    clips = CropStore(options.cache, find_clips(options.data), frames=options.frames)
    view = View(manifest.size, manifest.margin)
    if clips.missing([view]):
        with FaceMesh(options.landmarker or store.path(store.LANDMARKER)) as mesh:
            clips.cut_views([view], LargestFace(mesh))
    return list(clips.view(view))


def _engines(
    stack: ExitStack,
    console: Console,
    names: str | None,
    plain: tuple[Path, Manifest],
    quantised: tuple[Path, Manifest] | None,
) -> dict[str, Engine]:
    """Load every engine in every precision it has; say why where it has not."""
    wanted: list[tuple[Precision, tuple[Path, Manifest]]] = [(precision, plain) for precision in _FLOATS]
    if quantised is not None:
        wanted.append(("int8", quantised))
    engines = {}
    for row in candidates():
        if names and row.name not in {"onnxruntime", *names.split(",")}:
            continue
        if not row.probe.available:
            console.print(f"without {row.name}: {row.probe.reason}", markup=False)
            continue
        for precision, (model, manifest) in wanted:
            try:
                running = stack.enter_context(loaded(model, manifest, engine=row.name, precision=precision))
            except EngineError as error:
                console.print(f"without {row.name} {precision}: {error}", markup=False)
            else:
                engines[f"{row.name} {precision}"] = running
    return dict(sorted(engines.items(), key=lambda one: one[0] != _BASE))


def _simulated(stack: ExitStack, names: str, model: Path, manifest: Manifest) -> dict[str, Engine]:
    engines: dict[str, Engine] = {}
    for name in filter(None, names.split(",")):
        engines[f"simulated {name}"] = engine = RoundedEngine()
        stack.callback(engine.close)
        engine.load(model, manifest, EngineOptions(precision=cast("Precision", name)))
    return engines


def _in_turns(
    engines: dict[str, Engine], batch: NDArray[np.uint8], rounds: int, done: Callable[[], None]
) -> dict[str, NDArray[np.float64]]:
    """Time each engine once a round: a busy machine then disturbs all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            began = time.perf_counter()
            engine.infer(batch)
            seconds[name].append(time.perf_counter() - began)
        done()
    return {name: np.array(values) for name, values in seconds.items()}


def _calibrated(logits: NDArray[np.float32], manifest: Manifest) -> NDArray[np.float32]:
    values: NDArray[np.float32] = (logits - manifest.calibration.bias) / manifest.calibration.temperature
    return values


def _group_costs(base: list[ClipScore], other: list[ClipScore]) -> list[GroupCost]:
    costs = []
    for one in pairings(other):
        real, fake = (np.array([score.value for score in side]) for side in (one.reals, one.fakes))
        halves = {score.clip.path: score.value for score in one.reals}
        won = [score.value > halves[score.clip.path] for score in one.fakes if score.clip.path in halves]
        costs.append(
            GroupCost(
                group=one.group,
                fakes=len(fake),
                reals=len(real),
                auc=auc(real, fake),
                loss=auc_loss(base, other, one.group),
                pairs_won=float(np.mean(won)) if won else None,
            )
        )
    return costs


def _cost(variant: Variant, options: argparse.Namespace) -> PrecisionCost:
    every = variant.groups[-1]
    return PrecisionCost(
        precision=cast("Literal['fp16', 'bf16', 'int8']", variant.name.split()[1]),
        engine=f"{variant.name.split()[0]} on {describe().cpu}",
        auc_loss=round(every.loss.value, 4),
        low=round(every.loss.low, 4),
        high=round(every.loss.high, 4),
        on=f"{every.fakes} fake and {every.reals} real clips, {options.frames} frames each",
        simulated=variant.time is None,
        command=f"python -m benchmarks.accuracy.precisions --data {options.data.name} --frames {options.frames}"
        + (f" --simulate {options.simulate}" if variant.time is None else ""),
    )


def _show(console: Console, variants: list[Variant], manifest: Manifest) -> None:
    title = f"{manifest.name} {manifest.version}: clip AUC, and how much of it is lost"
    groups = [one.group for one in variants[0].groups[:-1]]
    table = Table("", "time", "logits off", *groups, "all (95 % interval)", "pairs", title=title)
    table.columns[0].no_wrap = True
    for variant in variants:
        cells = [f"{one.auc:.3f}\n{one.loss.value:+.3f}" for one in variant.groups]
        cells[-1] += f" ({variant.groups[-1].loss.low:+.3f} to {variant.groups[-1].loss.high:+.3f})"
        won = next((one.pairs_won for one in reversed(variant.groups) if one.pairs_won is not None), None)
        table.add_row(
            variant.name,
            "" if variant.time is None else f"x {variant.time:.2f}",
            f"rms {variant.rms:.3f}\nmax {variant.largest:.3f}",
            *cells,
            "" if won is None else f"{won:.0%}",
        )
    console.print(table)
    allowed = [one.name for one in variants if one.groups[-1].loss.value <= MOST_AUC_LOSS]
    console.print(f"lose at most {MOST_AUC_LOSS} over all clips: {', '.join(allowed)}")


if __name__ == "__main__":
    main()
