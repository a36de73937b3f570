"""Error rates by group, as tables and as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.groups import Gap, GroupRates

FIGURES = {
    "false_alarms": lambda person: float(np.mean(person.real >= 0)),
    "misses": lambda person: float(np.mean(person.fake < 0)),
    "refused": lambda person: person.refused,
}


def table(rows: list[GroupRates], gaps: dict[str, Gap | None], rise: float) -> Table:
    """Return one attribute's groups; the last rows name the largest gaps."""
    table = Table(
        rows[0].attribute,
        "people",
        "AUC",
        "BPCER even odds",
        "APCER even odds",
        f"BPCER at {rise:g}",
        f"APCER at {rise:g}",
        "refused",
        title="by person, 95 % intervals",
    )
    for row in rows:
        figures = (row.false_alarms, row.misses, row.false_alarms_rise, row.misses_rise, row.refused)
        name = f"{row.group} (too few)" if row.too_few else row.group
        table.add_row(name, str(row.people), _show(row.auc, "{:.2f}"), *(_show(one, "{:.0%}") for one in figures))
    for figure, gap in gaps.items():
        if gap is not None:
            table.caption = (table.caption or "") + (
                f"{figure.replace('_', ' ')}: largest gap {gap.value:.0%}, {gap.highest} over {gap.lowest}; "
                f"as large by chance: p = {gap.chance:.3f}\n"
            )
    return table


def draw(rates: dict[str, list[GroupRates]], out: Path) -> None:
    """Draw false alarms and misses of every group with their intervals."""
    heights = [len(rows) for rows in rates.values()]
    figure = Figure(figsize=(12, 0.34 * sum(heights) + 2.2), layout="constrained")
    grid = figure.subplots(len(rates), len(FIGURES), height_ratios=heights, sharex="col", squeeze=False)
    for (attribute, rows), line in zip(rates.items(), grid, strict=True):
        for axes, name, colour in zip(line, FIGURES, ("#d55e00", "#009e73", "#0072b2"), strict=True):
            for place, row in enumerate(rows):
                one = getattr(row, name)
                colour_here = "#aaaaaa" if row.too_few else colour
                axes.plot([one.low, one.high], [place, place], color=colour_here, lw=2, solid_capstyle="round")
                axes.plot(one.value, place, "o", color=colour_here, ms=6)
            axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1))
            axes.grid(axis="x", color="#e5e5e5")
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(length=0)
            axes.set_yticks(range(len(rows)), [])
        line[0].set_yticks(range(len(rows)), [f"{row.group}  ({row.people})" for row in rows])
        line[0].set_title(attribute, loc="left", fontsize=10, fontweight="bold")
    named = ("real taken for forged, even odds", "forged taken for real, even odds", "real refused: light, blur")
    for axes, text in zip(grid[-1], named, strict=True):
        axes.set_xlabel(f"{text} (95 %)")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figure.supxlabel("still pictures of people held out; grey: too few people to compare", fontsize=9)
    figure.savefig(out, dpi=110)


def _show(estimate: Estimate, shape: str) -> str:
    value, low, high = (shape.format(one) for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low.rstrip('%')}-{high})"
