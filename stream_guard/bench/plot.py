"""Pictures of results: where a frame's time goes, and how latency and processor time grow with the load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_guard.bench.latency import STAGES, Flight
from stream_guard.clock import NS_PER_S, ms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_growth", "draw_latency", "draw_load"]

_DPI = 120

_ALL = 0.95
"""Share of the scores from which on none is held to be missing: some frames are on their way at the end."""


def draw_latency(path: Path, flown: Sequence[Flight], figures: Mapping[str, Any]) -> None:
    """Draw every frame's latency over time, and the mean way of a frame stage by stage.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        flown: the frames.
        figures: as `stream_guard.bench.latency.figures` gives them.
    """
    figure = _figure(9, 5.2)
    over_time, stages = figure.subplots(2, 1, height_ratios=[2, 1])
    if flown:
        began_ns = flown[0].captured_ns
        at_s = [(one.captured_ns - began_ns) / NS_PER_S for one in flown]
        over_time.plot(at_s, [ms(one.total_ns) for one in flown], ".", markersize=3)
    for name in ("p50", "p95"):
        value = figures["glass_to_score_ms"].get(name)
        if value is not None:
            over_time.axhline(value, linewidth=0.8, color="0.4")
            over_time.annotate(f"{name} {value:.0f} ms", (0, value), va="bottom", color="0.3")
    over_time.set(xlabel="captured at (s)", ylabel="glass to score (ms)", ylim=(0, None))
    left = 0.0
    for number, stage in enumerate(STAGES):
        if stage in figures["stages_ms"]:
            mean = figures["stages_ms"][stage]["mean"]
            stages.barh(0, mean, left=left, color=f"C{number}", alpha=1 if number < 10 else 0.5)
            stages.plot(
                [], [], "s", color=f"C{number}", alpha=1 if number < 10 else 0.5, label=f"{stage} {mean:.1f}"
            )
            left += mean
    stages.set(xlabel="mean of all frames (ms)", yticks=[])
    if figures["stages_ms"]:
        stages.legend(ncols=5, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.45), frameon=False)
    figure.savefig(path, dpi=_DPI)


def draw_load(path: Path, steps: Sequence[Mapping[str, Any]], bound: Mapping[str, float]) -> None:
    """Draw latency, rate and processor time over the number of sessions.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        steps: one for each number of sessions, as `stream_guard.bench.load` gives them.
        bound: ``p95_ms`` and ``rate``: what must hold.
    """
    figure = _figure(9, 3.6)
    latency, rate, cores = figure.subplots(1, 3)
    sessions = [step["sessions"] for step in steps]
    for name in ("p50", "p95", "p99"):
        latency.plot(sessions, [step["glass_to_score_ms"].get(name) for step in steps], "o-", label=name)
    latency.axhline(bound["p95_ms"], linestyle="--", color="0.5")
    latency.set(xlabel="sessions", ylabel="glass to score (ms)", ylim=(0, None))
    latency.legend()
    rate.plot(sessions, [step["scores_a_second_and_face"] for step in steps], "o-")
    rate.axhline(bound["rate"], linestyle="--", color="0.5")
    rate.set(xlabel="sessions", ylabel="scores a second and face", ylim=(0, None))
    cores.plot(sessions, [step["cores"] for step in steps], "o-", label="server")
    cores.plot(sessions, [step["sender_cores"] for step in steps], "o-", label="senders")
    cores.set(xlabel="sessions", ylabel="cores", ylim=(0, None))
    cores.legend()
    for axes in (latency, rate, cores):
        axes.set_xticks(sessions)
    figure.savefig(path, dpi=_DPI)


def draw_growth(path: Path, series: Mapping[str, Any]) -> None:
    """Draw processor time and latency over the number of faces, and over that of sessions.

    The dashed lines go on as the first step begins: what lies on or below them grows at most linearly.

    Args:
        path: ``.png``, ``.svg`` or ``.pdf``.
        series: ``faces`` and ``sessions``, each with ``steps``, ``cores`` and ``p50_ms`` as
            ``stream-guard bench growth`` writes them.
    """
    figure = _figure(9, 6.4)
    for row, (what, told) in zip(figure.subplots(len(series), 2, squeeze=False), series.items(), strict=True):
        steps = list(told["steps"].values())
        counts = [one["count"] for one in steps]
        cores = [one["cores"] for one in steps]
        median = [one["glass_to_score_ms"].get("p50", 0.0) for one in steps]
        p95 = [one["glass_to_score_ms"].get("p95", 0.0) for one in steps]
        row[0].plot(counts, cores, "o-", label="server")
        row[0].set(ylabel="cores")
        row[1].plot(counts, median, "o-", label="p50")
        row[1].plot(counts, p95, "o-", label="p95")
        row[1].set(ylabel="glass to score (ms)")
        for axes, values, growth in ((row[0], cores, told["cores"]), (row[1], median, told["p50_ms"])):
            line = [values[0] + growth["first"] * (count - counts[0]) for count in counts]
            axes.plot(counts, line, "--", color="0.6", linewidth=1, label="as the first step")
            top = max([*values, *(p95 if axes is row[1] else [])])
            axes.set(xlabel=what, xticks=counts, ylim=(0, 1.4 * top or 1))
            axes.legend(frameon=False, loc="upper left", ncols=3, fontsize="small")
            if growth["last_over_first"] is not None:
                axes.set_title(
                    f"the last step costs {growth['last_over_first']:.2f} of the first", fontsize="small"
                )
        if told["cores"]["last_over_first"] is not None:
            ratio = told["cores"]["last_over_first"]
            row[0].set_title(
                f"one more costs {ratio:.2f} in the last step of what it does in the first", fontsize="small"
            )
        if told["p50_ms"]["whole"] is not None:
            row[1].set_title(
                f"p50 of {counts[-1]} is {told['p50_ms']['whole']:.2f} times that of 1", fontsize="small"
            )
        if min(one["share_scored"] for one in steps) < _ALL:
            row[0].set_title("not every frame was scored: the machine was full", fontsize="small")
    figure.savefig(path, dpi=_DPI)


def _figure(width: float, height: float) -> Figure:
    """Return a figure that needs no screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
