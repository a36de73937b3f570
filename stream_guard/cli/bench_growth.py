"""``stream-guard bench growth``: what one face more costs, and one call more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_guard.cli import bench_options as options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stream_guard.bench.sender import Plan

__all__ = ["growth"]


def growth(
    seconds: Annotated[float, typer.Option(min=1, help="How long each number is watched.")] = 8.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before, which do not count.")] = 3.0,
    codec: options.Codec = "VP8",
    size: options.Size = "1280x720",
    kbps: options.Kbps = 2500,
    engine: options.Engine = "auto",
    json: options.Json = None,
    plot: options.Plot = None,
    compare: options.Compare = None,
) -> None:
    """Measure processor time and latency for 1, 2, 4 and 9 faces, then for 1, 2, 3 and 5 calls.

    Pictures come so slowly (5 a second) that all are scored: else a full machine would seem to grow no more.
    """
    from stream_guard.cli.failure import one_line

    with one_line():
        from stream_guard.bench.clip import Shape, named_codec, parse_size
        from stream_guard.bench.sender import Plan

        width, height = parse_size(size)
        plan = Plan(shape=Shape(width, height), codec=named_codec(codec), kbps=kbps, encoded=True)
        _measure(plan, engine, (seconds, warm_up), json, plot, compare)


def _measure(
    plan: Plan,
    engine: str,
    times: tuple[float, float],
    json: Path | None,
    plot: Path | None,
    compare: Path | None,
) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from stream_guard.bench import results
    from stream_guard.bench.growth import COUNTS, growth
    from stream_guard.bench.plot import draw_growth
    from stream_guard.cli.bench_result import conclude

    console = Console()
    earlier = results.load(compare) if compare else None
    series = {what: _series(console, plan, what, engine, times) for what in COUNTS}
    figures: dict[str, Any] = {}
    for what, steps in series.items():
        counts = [one["count"] for one in steps]
        figures[what] = {
            "steps": {str(one["count"]): one for one in steps},
            "cores": growth(counts, [one["cores"] for one in steps]),
            "p50_ms": growth(counts, [one["glass_to_score_ms"].get("p50", 0.0) for one in steps]),
        }
        console.print(_table(what, steps), _words(what, figures[what]))
    settings = {**asdict(plan), "clip": "made", "wanted": engine, "seconds": times[0], "counts": COUNTS}
    conclude(console, results.result("growth", settings, figures), json=json, earlier=earlier)
    if plot is not None:  # after the file, which is what the time was spent on
        plot.parent.mkdir(parents=True, exist_ok=True)
        draw_growth(plot, figures)


def _series(
    console: Console, plan: Plan, what: str, engine: str, times: tuple[float, float]
) -> list[dict[str, Any]]:
    """Play each number of faces or sessions to a server of its own."""
    import asyncio
    from tempfile import TemporaryDirectory

    from stream_guard.bench.growth import SETTINGS, plans, step
    from stream_guard.bench.run import play
    from stream_guard.cli.bench_clip import encoded
    from stream_guard.cli.progress import second_progress

    seconds, warm_up = times
    steps: list[dict[str, Any]] = []
    packets: dict[int, Path] = {}
    with TemporaryDirectory() as folder, second_progress(console) as progress:
        for count, wanted in plans(plan, what):
            faces = wanted.shape.faces
            if faces not in packets:
                own = Path(folder) / str(faces)
                own.mkdir()
                packets[faces] = encoded(None, own, wanted, progress)
            task = progress.add_task(f"{count} {what}", total=seconds + warm_up)
            record = asyncio.run(
                play(
                    packets[faces],
                    wanted,
                    seconds=seconds,
                    warm_up_s=warm_up,
                    settings={"engine": engine, **SETTINGS},
                    tick=lambda passed, task=task: progress.update(task, completed=passed),  # type: ignore[misc]
                )
            )
            progress.remove_task(task)
            steps.append(step(record, count=count, faces=faces))
    return steps


def _table(what: str, steps: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(what, "cores", "p50 ms", "p95 ms", "frames scored", "MiB", box=None, header_style="bold")
    for one in steps:
        told = one["glass_to_score_ms"]
        table.add_row(
            str(one["count"]),
            f"{one['cores']:.2f}",
            *(f"{told[share]:.0f}" if told else "" for share in ("p50", "p95")),
            f"{one['share_scored']:.0%}",
            str(one["memory_mib"]),
        )
    return table


def _words(what: str, figures: Mapping[str, Any]) -> str:
    cores, latency = figures["cores"], figures["p50_ms"]
    return (
        f"one more of the {what} takes {cores['first']:.3f} of a core in the first step and {cores['last']:.3f} in "
        f"the last, {cores['last_over_first']} times (1 is linear, less is better); "
        f"p50 at the last is {latency['whole']} times that at the first"
    )
