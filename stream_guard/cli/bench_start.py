"""``stream-guard bench start``: how long from nothing to the first score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_guard.cli import bench_options as options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["start"]

_MODULES = ("stream_guard", "stream_guard.cli", "stream_guard.guard", "stream_guard.app")


def start(
    times: Annotated[int, typer.Option(min=1, help="How often the server is started.")] = 5,
    imports: Annotated[int, typer.Option(min=1, help="Fresh processes for each import.")] = 7,
    codec: options.Codec = "VP8",
    size: options.Size = "1280x720",
    fps: options.Fps = 30,
    kbps: options.Kbps = 2500,
    engine: options.Engine = "auto",
    json: options.Json = None,
    compare: options.Compare = None,
) -> None:
    """Start `stream-guard serve` as a process, a caller waiting, until a client has the first score; and imports.

    Everything is in the system's file cache, as after a first start since the machine came up.
    """
    from stream_guard.cli.failure import one_line

    with one_line():
        from dataclasses import asdict

        from rich.console import Console

        from stream_guard.bench import results
        from stream_guard.bench.clip import Shape, named_codec, parse_size
        from stream_guard.bench.sender import Plan
        from stream_guard.cli.bench_result import conclude

        width, height = parse_size(size)
        plan = Plan(shape=Shape(width, height, fps), codec=named_codec(codec), kbps=kbps, encoded=True)
        console = Console()
        earlier = results.load(compare) if compare else None
        figures = _measure(console, plan, engine, times, imports)
        settings = {**asdict(plan), "clip": "made", "wanted": engine, "times": times, "imports": imports}
        console.print(_table(figures))
        conclude(console, results.result("start", settings, figures), json=json, earlier=earlier)


def _measure(console: Console, plan: Any, engine: str, times: int, imports: int) -> dict[str, Any]:
    import asyncio
    from statistics import median
    from tempfile import TemporaryDirectory

    from stream_guard.bench.start import import_ms, start
    from stream_guard.cli.bench_clip import encoded
    from stream_guard.cli.progress import second_progress

    with TemporaryDirectory() as folder, second_progress(console) as progress:
        packets = encoded(None, Path(folder), plan, progress)
        starts = []
        for number in range(times):
            task = progress.add_task(f"start {number + 1} of {times}", total=None)
            starts.append(asyncio.run(start(packets, plan, arguments=("--engine", engine))))
            progress.remove_task(task)
        task = progress.add_task("importing", total=None)
        took = {module: import_ms(module, times=imports) for module in _MODULES}
    seconds = {
        name: [round(getattr(one, name), 3) for one in starts] for name in ("listening", "connected", "first_score")
    }
    return {
        "until_s": {name: _spread(values, median(values), 3) for name, values in seconds.items()},
        "import_ms": {module: _spread(values, median(values), 1) for module, values in took.items()},
    }


def _spread(values: list[float], middle: float, digits: int) -> dict[str, float]:
    return {
        "median": round(middle, digits),
        "least": round(min(values), digits),
        "most": round(max(values), digits),
    }


def _table(figures: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("", "median", "least", "most", box=None, header_style="bold")
    for name, spread in figures["until_s"].items():
        words = {"listening": "it listens", "connected": "media flows", "first_score": "the first score is there"}
        table.add_row(f"from start until {words[name]}, s", *(f"{value:.2f}" for value in spread.values()))
    for module, spread in figures["import_ms"].items():
        table.add_row(f"import {module}, ms", *(f"{value:.0f}" for value in spread.values()))
    return table
