"""What the gates save and cost, as tables and as a picture."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from stream_guard.evaluation.accuracy import Estimate
from stream_guard.evaluation.degradations import DEGRADATIONS
from stream_guard.evaluation.gates import Gated, Look, bands, gated, passes

AXES = {kind.name: kind.axis for kind in DEGRADATIONS} | {
    "bitrate": "VP8, kb/s",
    "turned": "yaw or pitch up to, degrees",
}
_COLUMNS = 4
INK, ACCENT = "#1a1a1a", "#0072b2"


BANDS = {
    "side": (("size",), (0, 28, 36, 44, 52, 64, 80, 110, 150, 999)),
    "blur": (("detail", "defocus", "motion"), (0, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 1)),
    "brightest": (("dim",), (0, 40, 50, 60, 70, 80, 100, 120, 256)),
    "white": (("glare",), (0, 0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1.01)),
    "bits_per_pixel": (("bitrate",), (0, 0.02, 0.03, 0.045, 0.07, 0.12, 0.2, 9)),
    "blockiness": (("bitrate",), (0, 0.9, 1, 1.1, 1.25, 1.5, 9)),
}
"""What each gate looks at, or might; in which sets it varies; and the bands in which errors are given."""


COLUMNS = ("frames", "coverage", "reasons", "AUC", "EER", "AUC passed", "AUC refused", "false alarms", "misses")


def tables(sets: dict[str, list[Look]], *, rise: float) -> Iterator[Table]:
    """Return a table for each gate, level by level; one of all gates; and one of what each gate looks at."""
    last = f"at {rise:g}"
    for name, looks in sets.items():
        table = Table(AXES[name], *COLUMNS, last, title=name)
        for level, rows in levels(name, looks):
            table.add_row(label(name, level), str(len(rows)), *_row(rows, gated(rows, passes(rows), rise=rise)))
        yield table
    summary = Table("all levels of", *COLUMNS, last, title="every level as often as any other")
    for name, looks in sets.items():
        summary.add_row(name, str(len(looks)), *_row(looks, gated(looks, passes(looks), rise=rise)))
    summary.caption = "false alarms and misses on single frames: all / passed / refused; the last column: all"
    yield summary
    for measure, (names, edges) in BANDS.items():
        # Of several sets only one brings the frames as they were, so that none counts twice.
        looks = [look for n, name in enumerate(names) for look in sets[name] if n == 0 or look.level is not None]
        yield band_table(measure, looks, edges, rise)


def band_table(measure: str, looks: list[Look], edges: tuple[float, ...], rise: float) -> Table:
    """Return the errors over what a gate looks at."""
    table = Table(measure, "frames", "of those as they are", "AUC", "EER", "false alarms", "misses", f"at {rise:g}")
    for band in bands(looks, measure, edges, rise=rise):
        rates = band.rates
        table.add_row(
            f"{band.least:g} to {band.most:g}",
            str(rates.real + rates.fake),
            f"{band.plain:.1%}",
            _interval(rates.auc),
            "" if rates.equal_error_rate is None else f"{rates.equal_error_rate:.0%}",
            _value(rates.false_alarms, "{:.0%}"),
            _value(rates.misses, "{:.0%}"),
            f"{_value(rates.false_alarms_rise, '{:.0%}')} / {_value(rates.misses_rise, '{:.0%}')}",
        )
    return table


def levels(name: str, looks: list[Look]) -> list[tuple[float | None, list[Look]]]:
    """Return the frames level by level: as they are, then from the mildest on."""
    found: dict[float | None, list[Look]] = {}
    for look in looks:
        found.setdefault(look.level, []).append(look)
    falling = name in ("size", "detail", "dark", "dim", "bitrate")
    known = sorted((level for level in found if level is not None), reverse=falling)
    return [(level, found[level]) for level in ((None, *known) if None in found else known)]


def label(name: str, level: float | None) -> str:
    """Return a level as its axis counts it."""
    if level is None:
        return "as it is"
    return f"{level * 100:g}" if "%" in AXES[name] else f"{level:g}"


def draw(sets: dict[str, list[Look]], out: Path, *, rise: float) -> None:
    """Draw the AUC over each degradation, what the gates pass and the product's errors below."""
    rows = -(-len(sets) // _COLUMNS)
    figure = Figure(figsize=(3.4 * _COLUMNS, 5.6 * rows), layout="constrained")
    grid = figure.subplots(3 * rows, _COLUMNS, height_ratios=[3, 1.2, 1.6] * rows, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for place, (name, looks) in enumerate(sets.items()):
        row, column = 3 * (place // _COLUMNS), place % _COLUMNS
        above, middle, below = (grid[row + step, column] for step in range(3))
        for axes in (above, middle, below):
            axes.axis("on")
        found = [(level, gated(rows, passes(rows), rise=rise)) for level, rows in levels(name, looks)]
        _separation(above, [one for _, one in found])
        middle.fill_between(range(len(found)), [one.coverage for _, one in found], color=ACCENT, alpha=0.5, lw=0)
        _errors(below, [one for _, one in found])
        for axes in (above, middle, below):
            axes.set_xlim(-0.3, len(found) - 0.7)
            axes.set_xticks(range(len(found)), [])
            turn = _half(found)
            if turn is not None:
                axes.axvline(turn, color=INK, ls=":", lw=1.2)
        above.set(title=name, ylim=(0.4, 1.0))
        middle.set(ylim=(0, 1.02), yticks=(0, 1))
        below.set(ylim=(0, 1.02), yticks=(0, 0.5, 1), xlabel=AXES[name])
        ticks = ["as is" if level is None else label(name, level) for level, _ in found]
        below.set_xticks(range(len(found)), ticks, fontsize=8)
        if column == 0:
            for axes, text in ((above, "frame AUC"), (middle, "passed"), (below, "errors")):
                axes.set_ylabel(text)
    handles, texts = grid[0, 0].get_legend_handles_labels()
    more = grid[2, 0].get_legend_handles_labels()
    figure.legend(handles + more[0], texts + more[1], loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(out, dpi=110)


def _separation(axes: Axes, found: list[Gated]) -> None:
    every = [(place, one.every.auc) for place, one in enumerate(found) if one.every.auc is not None]
    known, values = [place for place, _ in every], [auc for _, auc in every]
    axes.fill_between(known, [v.low for v in values], [v.high for v in values], color=ACCENT, alpha=0.2, lw=0)
    axes.plot(known, [v.value for v in values], color=ACCENT, marker="o", ms=3, label="AUC, all frames (95 %)")
    passed = [(place, one.passed.auc.value) for place, one in enumerate(found) if one.passed.auc]
    axes.plot(*zip(*passed, strict=True), color=INK, ls="none", marker="_", ms=9, mew=2, label="AUC, passed frames")
    axes.axhline(0.5, color="#999999", lw=0.8)


def _errors(axes: Axes, found: list[Gated]) -> None:
    for figure, colour, text in (
        ("false_alarms", "#d55e00", "false alarms at even odds"),
        ("misses", "#009e73", "misses at even odds"),
    ):
        known = [(place, getattr(one.every, figure).value) for place, one in enumerate(found) if one.every.auc]
        axes.plot(*zip(*known, strict=True), color=colour, lw=1.4, label=text)


def _half(found: list[tuple[float | None, Gated]]) -> float | None:
    """Return where, between two levels, the gates begin to refuse every other frame."""
    covered = [one.coverage for _, one in found]
    for place in range(1, len(covered)):
        if covered[place - 1] >= 0.5 > covered[place]:
            return float(np.interp(0.5, [covered[place], covered[place - 1]], [place, place - 1]))
    return None


def _row(looks: list[Look], figures: Gated) -> list[str]:
    counts = Counter(reason.value for look in looks for reason in look.reasons)
    parts = (figures.every, figures.passed, figures.refused)
    return [
        f"{figures.coverage:.0%}",
        ", ".join(f"{reason} {count / len(looks):.0%}" for reason, count in counts.most_common(2)),
        _interval(figures.every.auc),
        "" if figures.every.equal_error_rate is None else f"{figures.every.equal_error_rate:.0%}",
        _value(figures.passed.auc, "{:.2f}"),
        _value(figures.refused.auc, "{:.2f}"),
        " / ".join(_value(part.false_alarms, "{:.0%}") for part in parts),
        " / ".join(_value(part.misses, "{:.0%}") for part in parts),
        f"{_value(figures.every.false_alarms_rise, '{:.0%}')} / {_value(figures.every.misses_rise, '{:.0%}')}",
    ]


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _value(estimate: Estimate | None, shape: str) -> str:
    return "-" if estimate is None else shape.format(estimate.value)
