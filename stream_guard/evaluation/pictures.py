"""Evaluations as pictures: ROC curves of each group, and accuracy over the ways a call gets here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.comparison import ClipScore, Comparison, pairings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_roc", "draw_transport", "roc", "save"]

# Okabe and Ito's palette, which colour-blind people can tell apart. Black is for all groups together.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_ALL = "#1a1a1a"

_LOWEST_RATE = 1e-3
"""Where the frames' axis begins: an alarm that sums up seconds lives far to the left."""

Line = Sequence[Estimate | None]
"""A figure under one condition after the other; None where it could not be measured."""


def roc(real: NDArray[np.float64], fake: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ROC curve: a point for each threshold, from the strictest to none.

    Args:
        real: scores, shape (n,).
        fake: scores, shape (m,).

    Returns:
        False positive and true positive rates, both float64, rising from 0 to 1. A score that reals and fakes
        share is one step, so the area below, by trapezoids, is `stream_guard.evaluation.accuracy.auc`.
    """
    thresholds = np.unique(np.concatenate([real, fake]))[::-1]
    alarms = len(real) - np.searchsorted(np.sort(real), thresholds, "left")
    hits = len(fake) - np.searchsorted(np.sort(fake), thresholds, "left")
    return np.concatenate([[0.0], alarms / len(real)]), np.concatenate([[0.0], hits / len(fake)])


def draw_roc(scores: list[ClipScore], rows: list[Comparison], path: Path) -> None:
    """Draw the ROC curves of every group: of whole clips at the left, of single frames at the right.

    Clips are few, so their axis is plain. Frames are many and their axis is logarithmic: whoever raises an
    alarm on calls of an hour works at the far left.

    Args:
        scores: of the clips.
        rows: what `compare` made of them.
        path: the picture; the suffix says which kind.

    Raises:
        ConfigError: no picture can be written there.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.4), layout="constrained")
    by_clip, by_frame = figure.subplots(1, 2)
    for place, (pairing, row) in enumerate(zip(pairings(scores), rows, strict=True)):
        style = _style(row.group, place)
        real, fake = (np.array([score.value for score in side]) for side in (pairing.reals, pairing.fakes))
        label = f"{row.group}: {_words(row.auc)}, {row.fakes} / {row.reals}"
        by_clip.step(*roc(real, fake), where="post", label=label, **style)
        real, fake = (np.concatenate([score.frames for score in side]) for side in (pairing.reals, pairing.fakes))
        by_frame.step(*roc(real, fake), where="post", label=f"{row.group}: {_words(row.frames.auc)}", **style)
    by_clip.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
    _name(by_clip, "Whole clips", "false positive rate")
    rates = np.geomspace(_LOWEST_RATE, 1, 100)
    by_frame.plot(rates, rates, color="#999999", linewidth=0.8, linestyle=":")
    by_frame.axvline(0.01, color="#999999", linewidth=0.8, linestyle="--")
    by_frame.set(xscale="log", xlim=(_LOWEST_RATE, 1))
    _name(by_frame, "Single frames", "false positive rate (logarithmic; dashed: 1 %)")
    by_clip.set(xlim=(-0.01, 1))
    for axes, counts in ((by_clip, ", fake / real clips"), (by_frame, "")):
        axes.set(ylim=(0, 1.01), ylabel="true positive rate")
        axes.legend(
            title=f"AUC (95 % interval){counts}", loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8
        )
    save(figure, path)


def draw_transport(
    panels: Sequence[str],
    marks: Sequence[str],
    lines: Mapping[str, Sequence[Line]],
    path: Path,
) -> None:
    """Draw the clip AUC of each group over conditions, one panel beside the other, with 95 % intervals.

    Args:
        panels: titles, for instance one for each packet loss.
        marks: names along the axis of every panel, for instance bitrates.
        lines: of each group, one line for each panel, with one figure for each mark.
        path: the picture; the suffix says which kind.

    Raises:
        ConfigError: no picture can be written there.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.5 + 3.4 * len(panels), 4.8), layout="constrained")
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for number, (axes, title) in enumerate(zip(row, panels, strict=True)):
        for place, (group, sets) in enumerate(lines.items()):
            beside = 0.07 * (place - (len(lines) - 1) / 2)
            known = [(x + beside, one) for x, one in enumerate(sets[number]) if one is not None]
            values = np.array([one.value for _, one in known])
            reach = np.array([(one.value - one.low, one.high - one.value) for _, one in known]).reshape(-1, 2).T
            at = [x for x, _ in known]
            axes.errorbar(
                at, values, np.maximum(reach, 0), marker="o", elinewidth=0.9, label=group, **_style(group, place)
            )
        axes.axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
        axes.set_xticks(range(len(marks)), marks)
        axes.set(ylim=(0, 1.02), xlim=(-0.4, len(marks) - 0.6))
        _name(axes, title, "")
    row[0].set_ylabel("clip AUC")
    columns = max(1, min(len(lines), 3 * len(panels)))  # as many names as fit below so many panels
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure; folders that are missing are made.

    Raises:
        ConfigError: the suffix names no kind of picture, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    except ValueError as error:
        raise ConfigError(f"{path}: a picture's name ends in .png, .svg or .pdf") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _style(group: str, place: int) -> dict[str, object]:
    if group == "all":
        return {"color": _ALL, "linewidth": 1.6}
    return {"color": _COLOURS[place % len(_COLOURS)], "linewidth": 1.6, "linestyle": ("-", "--")[place // 6 % 2]}


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _name(axes: Axes, title: str, xlabel: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(xlabel)
    axes.grid(color="#e5e5e5", linewidth=0.6)
