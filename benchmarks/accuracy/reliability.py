"""Hold the probabilities a model gives against what was true: frames and clips of footage, and held-out stills.

``python -m benchmarks.accuracy.reliability --data videos/labels.csv --json out.json --picture out.png``
With ``--shard`` and ``--reconstructions`` (of ``stream-guard train``; needs torch) also the held-out stills.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.watched import watch_all
from stream_guard.evaluation.footage import RATE, Footage
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.evaluation.reliability import Reliability, reliability
from stream_guard.models import store

Halves = tuple[NDArray[np.float64], NDArray[np.float64]]


def frames(footage: list[Footage]) -> Halves:
    """Return the judged frames of the real and of the fake clips."""
    real, fake = (
        np.concatenate([one.logits[one.judged] for one in footage if one.clip.label == label])
        for label in ("real", "fake")
    )
    return real, fake


def clips(footage: list[Footage]) -> Halves:
    """Return the mean of every clip."""
    real, fake = (
        np.array([one.logits[one.judged].mean() for one in footage if one.clip.label == label])
        for label in ("real", "fake")
    )
    return real, fake


def stills(shard: Path, reconstructions: Path, model: Path | None) -> Halves:
    """Return the calibrated logits of held-out stills and their forged twins."""
    from stream_guard.training.dataset import Recipe
    from stream_guard.training.release import held_out_logits

    onnx, manifest = store.open_model(model) if model else store.default_model()
    with loaded(onnx, manifest) as engine:
        recipe = Recipe(size=manifest.size, margin=manifest.margin, grid=manifest.size // 16)
        halves = held_out_logits(predictor(engine), shard, recipe, reconstructions)
    bias, temperature = manifest.calibration.bias, manifest.calibration.temperature
    real, fake = ((half.astype(np.float64) - bias) / temperature for half in halves)
    return real, fake


def draw(found: dict[str, Reliability], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, row = plt.subplots(1, len(found), figsize=(4.2 * len(found), 4.4), layout="constrained", squeeze=False)
    for axes, (name, one) in zip(row[0], found.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
        for place in one.bins:
            axes.plot([place.predicted] * 2, [place.low, place.high], color="#0072b2", linewidth=1.5)
            top = (place.predicted, max(place.high, place.observed))
            axes.annotate(str(place.count), top, (0, 5), textcoords="offset points", fontsize=7, ha="center")
        axes.plot([b.predicted for b in one.bins], [b.observed for b in one.bins], "o", color="#0072b2")
        axes.set(xlim=(0, 1), ylim=(0, 1.06), xlabel="probability of fake given", ylabel="share that was fake")
        axes.set_title(
            f"{name}\nECE {one.ece:.3f}, Brier {one.brier:.3f}, log loss {one.log_loss:.3f}", fontsize=10
        )
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV path,label,group[,region]")
    parser.add_argument("--model", type=Path, help="ONNX file; the default model otherwise")
    parser.add_argument("--landmarker", type=Path, help="face_landmarker.task")
    parser.add_argument("--shard", type=Path, help="prepared faces; needs torch")
    parser.add_argument("--reconstructions", type=Path, help="the same faces drawn anew; with --shard")
    parser.add_argument("--rate", type=float, default=RATE, help="frames a second")
    parser.add_argument("--cache", type=Path, help="keep what was seen in this JSON file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.shard and not options.reconstructions:
        parser.error("--shard needs --reconstructions")
    _, footage = watch_all(options.data, options.model, options.landmarker, rate=options.rate, cache=options.cache)
    # Frames of a clip share what the model gets wrong: as samples, there are no more of them than clips.
    in_a_look = sum(int(one.judged.sum()) for one in footage) / len(footage)
    found = {
        "frames of clips": reliability(*frames(footage), frames_in_a_look=in_a_look),
        "clips": reliability(*clips(footage)),
    }
    if options.shard:
        found["held-out stills"] = reliability(*stills(options.shard, options.reconstructions, options.model))
    for name, one in found.items():
        print(f"{name}: ECE {one.ece:.3f}, Brier {one.brier:.3f}, log loss {one.log_loss:.3f}")
        for b in one.bins:
            print(f"  given {b.predicted:.2f}, was {b.observed:.2f} ({b.low:.2f}-{b.high:.2f}), n {b.count}")
    if options.json:
        told = {name: asdict(one) for name, one in found.items()}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
