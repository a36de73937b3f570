"""DFP's own comparison: real faces against expert Photoshop composites, 90 % to learn from and 10 % to judge.

``python -m benchmarks.accuracy.ciplab --data DIR --imagenet FILE [--start FOLDER]``

The set is CIPLab's "Real and Fake Face Detection", 1,081 real faces and 960 composites of 256x256; Raza, Munir and
Almutairi (Applied Sciences 12(19), 2022) report 94 % accuracy and 95 % precision on one split. Here the split is
drawn by file, within each class, several times, and nothing is chosen by the judged part: a fixed number of epochs,
a threshold of even odds. The faces fill these pictures, so the whole picture is looked at, at its own resolution.
The detector's blocks down to a sixteenth of the side stay frozen, which costs accuracy and saves hours.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.accuracy import auc

if TYPE_CHECKING:
    from stream_guard.training.network import Detector

__all__ = [
    "DIFFICULTIES",
    "PUBLISHED",
    "Judgement",
    "Pictures",
    "judge",
    "main",
    "read_pictures",
    "splits",
    "summary",
]

PUBLISHED = {"accuracy": 0.94, "precision": 0.95, "f1": 0.94}
"""What DFP's paper reports."""
DIFFICULTIES = ("easy", "mid", "hard")
_FIGURES = ("accuracy", "precision", "recall", "f1", "auc")


@dataclass(frozen=True, slots=True)
class Pictures:
    """The set.

    Attributes:
        pixels: uint8, shape (n, 256, 256, 3), RGB.
        labels: float32, shape (n,): 1 for a composite.
        difficulties: of each composite, from its file name; empty for a real face.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.float32]
    difficulties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of one split, a composite being what is looked for.

    Attributes:
        accuracy: share judged rightly.
        precision: share of alarms that are composites; 0 without an alarm.
        recall: share of composites found.
        f1: harmonic mean of the last two.
        auc: area under the ROC curve.
        found: recall for each difficulty in the split.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    auc: float
    found: dict[str, float]


def read_pictures(folder: Path) -> Pictures:
    """Read ``real/`` and ``fake/`` of the set.

    Raises:
        ConfigError: one of them holds no pictures, or they are of several sizes.
    """
    import cv2

    pixels, labels, difficulties = [], [], []
    for label, name in enumerate(("real", "fake")):
        files = sorted((folder / name).glob("*.jpg"))
        if not files:
            raise ConfigError(f"there are no pictures in {folder / name}")
        for file in files:
            pixels.append(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB))
            labels.append(label)
            difficulties.append(file.name.split("_")[0] if label else "")
    if len({picture.shape for picture in pixels}) > 1:
        raise ConfigError(f"the pictures in {folder} are of several sizes")
    return Pictures(np.array(pixels, np.uint8), np.array(labels, np.float32), tuple(difficulties))


def splits(
    labels: NDArray[np.float32], count: int, *, share: float = 0.1, seed: int = 0
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the positions to learn from and those to judge, ``count`` times, by class, from one seed.

    Args:
        labels: float32, shape (n,), 0 or 1.
        count: of splits.
        share: of each class to judge.
        seed: of all the splits.
    """
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        judged = np.concatenate(
            [
                rng.permutation(np.flatnonzero(labels == label))[: round(share * int((labels == label).sum()))]
                for label in (0, 1)
            ]
        )
        result.append((np.setdiff1d(np.arange(len(labels)), judged), np.sort(judged)))
    return result


def judge(logits: NDArray[np.float32], labels: NDArray[np.float32], difficulties: tuple[str, ...]) -> Judgement:
    """Return the figures at even odds: a logit above 0 is an alarm."""
    alarm, fake = logits > 0, labels > 0.5
    hits = int((alarm & fake).sum())
    precision = hits / int(alarm.sum()) if alarm.any() else 0.0
    recall = hits / int(fake.sum())
    kinds = np.array(difficulties)
    return Judgement(
        accuracy=float((alarm == fake).mean()),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        auc=auc(logits[~fake].astype(np.float64), logits[fake].astype(np.float64)),
        found={kind: float(alarm[kinds == kind].mean()) for kind in DIFFICULTIES if (kinds == kind).any()},
    )


def summary(judgements: list[Judgement]) -> dict[str, tuple[float, float, float]]:
    """Return the mean, the lowest and the highest of every figure over the splits."""
    rows = [
        {name: getattr(one, name) for name in _FIGURES} | {f"recall, {kind}": one.found[kind] for kind in one.found}
        for one in judgements
    ]
    return {
        name: (float(np.mean(found)), min(found), max(found))
        for name in dict.fromkeys(name for row in rows for name in row)
        if (found := [row[name] for row in rows if name in row])
    }


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, then train, judge and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with real/ and fake/")
    parser.add_argument("--imagenet", type=Path, required=True, help="ImageNet weights of EfficientNet-Lite0")
    parser.add_argument("--start", type=Path, help="also start from the checkpoint in this folder")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--copies", type=int, default=4, help="of each picture, shifted and mirrored")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    results: dict[str, list[Judgement]] = {}
    pictures = read_pictures(options.data)
    for start in ("ImageNet", "checkpoint") if options.start else ("ImageNet",):
        results[start] = []
        for judgement in _judgements(_detector(start, options), pictures, options):
            results[start].append(judgement)
            print(_table({name: summary(found) for name, found in results.items()}), flush=True)
            if options.json is not None:
                _write(options.json, results, options)


def _detector(start: str, options: argparse.Namespace) -> Detector:
    import torch

    from stream_guard.training.checkpoint import load_detector
    from stream_guard.training.network import Detector

    if start == "checkpoint":
        return load_detector(options.start)
    torch.manual_seed(options.seed)
    detector = Detector()
    detector.load_imagenet(torch.load(options.imagenet, map_location="cpu", weights_only=True))
    return detector


def _judgements(detector: Detector, pictures: Pictures, options: argparse.Namespace) -> Iterator[Judgement]:
    """Train on each split from the same start; yield how the other part is judged."""
    import torch

    from benchmarks.accuracy.peers.frozen import Tail, features, shifted_copies, train_tail

    rng = np.random.default_rng(options.seed)
    copies = shifted_copies(pictures.pixels, options.copies, rng)
    kept = torch.stack([features(detector, copy) for copy in copies])
    for learned, judged in splits(pictures.labels, options.splits, seed=options.seed):
        tail = Tail(detector)
        train_tail(tail, kept[:, learned], pictures.labels[learned], epochs=options.epochs, rng=rng)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            logits = torch.cat([tail(part) for part in torch.split(kept[0, judged], 32)]).numpy()
        yield judge(logits, pictures.labels[judged], tuple(pictures.difficulties[place] for place in judged))


def _table(found: dict[str, dict[str, tuple[float, float, float]]]) -> str:
    lines = ["| figure | DFP, published | " + " | ".join(f"ours from {start}" for start in found) + " |"]
    lines.append("|" + " --- |" * (2 + len(found)))
    for name in next(iter(found.values())):
        published = f"{PUBLISHED[name]:.2f}" if name in PUBLISHED else ""
        ours = [f"{mean:.2f} ({low:.2f}-{high:.2f})" for mean, low, high in (rows[name] for rows in found.values())]
        lines.append(f"| {name} | {published} | " + " | ".join(ours) + " |")
    return "\n".join(lines)


def _write(path: Path, results: dict[str, list[Judgement]], options: argparse.Namespace) -> None:
    protocol = {name: getattr(options, name) for name in ("splits", "epochs", "copies", "seed")}
    found = {start: [asdict(one) for one in judgements] for start, judgements in results.items()}
    path.write_text(json.dumps({"protocol": protocol, "results": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
