"""The peers in one picture: what a frame costs, how far a reader falls behind, how soon a swap is flagged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["draw"]

_OURS, _OTHERS = "C0", "C1"


def draw(path: Path, figures: Mapping[str, Any]) -> None:
    """Draw what ``python -m benchmarks.peers`` measured.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        figures: ``cost``, ``lag`` and ``flag``.
    """
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    cost, lag, flag = figure.subplots(1, 3)
    _cost(cost, figures["cost"])
    _lag(lag, figures["lag"])
    _flag(flag, figures["flag"])
    figure.savefig(path, dpi=120)


def _cost(axes: Axes, told: Mapping[str, Any]) -> None:
    rows = {"stream-guard": told["ours"], **told["others"]}
    names = [name.replace(" + ", " +\n") for name in rows]
    values = [row["times_ours"] for row in rows.values()]
    bars = axes.barh(names, values, color=[_OURS] + [_OTHERS] * (len(rows) - 1))
    axes.bar_label(bars, [f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in values], padding=3)
    axes.set(xlabel="processor time of a frame, over ours", xscale="log", xlim=(0.1, max(values) * 5))
    axes.invert_yaxis()


def _lag(axes: Axes, told: Mapping[str, Any]) -> None:
    rows = {"stream-guard's source": told["ours"], **told["others"]}
    for place, (name, row) in enumerate(rows.items()):
        seconds = row["lag_ms_by_second_of_capture"]
        axes.plot(
            [int(second) for second in seconds],
            [value / 1000 for value in seconds.values()],
            color=_OURS if place == 0 else _OTHERS,
            label=name,
        )
    axes.set(xlabel="picture was captured at (s)", ylabel="read so much later (s)", ylim=(0, None))
    axes.legend(frameon=False, fontsize="small")


def _flag(axes: Axes, told: Mapping[str, Any]) -> None:
    ((name, sampled),) = told["others"].items()
    spread = sampled["seconds_to_flag"]
    own = told["ours"]["seconds_to_flag"]
    values = [own or 0.0, spread.get("mean", 0.0)]
    reach = [[0.0, 0.0], [0.0, max(0.0, spread.get("max", 0.0) - values[1])]]
    axes.bar(["stream-guard", name], values, color=[_OURS, _OTHERS], yerr=reach, capsize=6)
    axes.set(ylabel="swap begins until it is flagged (s)\nmean and worst", ylim=(0, None))
