"""What was measured of each detector: a table, a JSON file and a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.accuracy.peers.cost import Cost
from benchmarks.accuracy.peers.training import Progress
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore, Comparison, compare

__all__ = ["Entry", "draw", "mean_auc", "predict_with", "scores", "table", "write"]

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A detector and what it said.

    Attributes:
        name: unique.
        title: for people.
        scores: of every clip with a face.
        size: side of its input in pixels.
        network: where PyTorch runs it.
        remark: what a reader must know about it.
        trained: how long, where it was trained here.
    """

    name: str
    title: str
    scores: list[ClipScore]
    size: int
    network: nn.Module | None = None
    remark: str = ""
    trained: Progress | None = None


def predict_with(network: nn.Module) -> Predict:
    """Return a function from crops, uint8, shape (n, size, size, 3), to logits, float32, shape (n,)."""

    def predict(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output = network(torch.from_numpy(crops))
            logits: Tensor = output if isinstance(output, Tensor) else output.logits
            return logits.float().numpy()

    return predict


def scores(view: list[tuple[Clip, NDArray[np.uint8]]], predict: Predict) -> list[ClipScore]:
    """Return the frames' scores of every clip in which a face was found."""
    return [
        ClipScore(
            clip,
            tuple(
                float(score)
                for start in range(0, len(crops), _BATCH)
                for score in predict(np.array(crops[start : start + _BATCH]))
            ),
        )
        for clip, crops in view
        if len(crops)
    ]


def mean_auc(found: list[ClipScore]) -> float:
    """Return the mean AUC over the groups of fakes, each weighing the same."""
    return float(np.mean([row.auc.value for row in compare(found) if row.group != "all"]))


def table(entries: list[Entry], measured: dict[str, Cost]) -> str:
    """Return a Markdown table: a row for each detector, a column for each group of fakes."""
    groups = [row.group for row in compare(entries[0].scores)]
    heads = ["detector", *groups, "pairs won", "trained", "parameters", "GMACs", "time, ours = 1", "remark"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for entry in entries:
        rows = compare(entry.scores)
        by_group = {row.group: _show(row) for row in rows}
        cells = [entry.title, *(by_group.get(group, "") for group in groups), _pairs(rows), _trained(entry)]
        lines.append("| " + " | ".join([*cells, *_cost(measured.get(entry.name)), entry.remark]) + " |")
    return "\n".join(lines)


def write(path: Path, entries: list[Entry], measured: dict[str, Cost], options: argparse.Namespace) -> None:
    """Write the figures so far, every clip's score included."""
    detectors = [
        {
            "name": entry.name,
            "title": entry.title,
            "remark": entry.remark,
            "size": entry.size,
            "trained": asdict(entry.trained) if entry.trained else None,
            "cost": asdict(measured[entry.name]) if entry.name in measured else None,
            "groups": [asdict(row) for row in compare(entry.scores)],
            "clips": [
                {"file": one.clip.path.name, "group": one.clip.group, "score": round(one.value, 4)}
                for one in entry.scores
            ],
        }
        for entry in entries
    ]
    course = {name: getattr(options, name) for name in ("minutes", "steps", "pairs", "seed", "margin", "frames")}
    path.write_text(json.dumps({"course": course, "detectors": detectors}, indent=1) + "\n", encoding="utf-8")


def draw(path: Path, entries: list[Entry]) -> None:
    """Draw every detector's AUC for every group, with its interval, as a row of dots."""
    from matplotlib.figure import Figure

    groups = [row.group for row in compare(entries[0].scores)]
    figure = Figure(figsize=(2.2 + 1.9 * len(groups), 1.2 + 0.34 * len(entries)), layout="constrained")
    places = np.arange(len(entries))[::-1]
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axis, group in zip(axes, groups, strict=True):
        rows = [next(row for row in compare(entry.scores) if row.group == group) for entry in entries]
        for place, row in zip(places, rows, strict=True):
            axis.plot([row.auc.low, row.auc.high], [place, place], color="0.7", linewidth=2, zorder=1)
        axis.scatter([row.auc.value for row in rows], places, s=22, color="#1f5f8b", zorder=2)
        axis.axvline(0.5, color="0.8", linewidth=0.8, zorder=0)
        axis.set(title=group, xlim=(0, 1.02), xticks=[0, 0.5, 1])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, [entry.title for entry in entries])
    figure.supxlabel("clip AUC and 95 % interval", fontsize=9)
    figure.savefig(path, dpi=140)


def _show(row: Comparison) -> str:
    return f"{row.auc.value:.2f} ({row.auc.low:.2f}-{row.auc.high:.2f})"


def _pairs(rows: list[Comparison]) -> str:
    won = [row.pairs_won for row in rows if row.pairs_won is not None and row.group != "all"]
    return f"{won[0]:.0%}" if won else ""


def _trained(entry: Entry) -> str:
    if entry.trained is None:
        return ""
    return f"{entry.trained.seconds / 60:.1f} min, {entry.trained.faces:,} faces"


def _cost(cost: Cost | None) -> list[str]:
    if cost is None:
        return ["", "", ""]
    return [f"{cost.parameters / 1e6:.2f} M", f"{cost.gmacs:.2f}", f"{cost.times_ours:.1f}"]
