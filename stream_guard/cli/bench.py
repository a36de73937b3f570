"""``stream-guard bench``: what this machine can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_guard.cli.bench_growth import growth
from stream_guard.cli.bench_latency import latency
from stream_guard.cli.bench_load import load
from stream_guard.cli.bench_start import start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stream_guard.bench.engines import Figures, Skipped

__all__ = ["app"]

app = typer.Typer(name="bench", help="Benchmarks: what this machine can do.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Benchmarks: what this machine can do."""


app.command()(latency)
app.command()(load)
app.command()(growth)
app.command()(start)


@app.command()
def engines(
    engines: Annotated[str, typer.Option(help="Names, by commas; all if left out.", show_default=False)] = "",
    precisions: Annotated[str, typer.Option(help="By commas.")] = "fp32,bf16,fp16,int8",
    batches: Annotated[str, typer.Option(help="Faces in one inference, by commas.")] = "1,4,8,16",
    seconds: Annotated[float, typer.Option(min=0.01, help="Of inferences for each row.")] = 3.0,
    model: Annotated[
        Path | None, typer.Option(help="ONNX file, its manifest beside it; the shipped one if left out.")
    ] = None,
    int8: Annotated[
        Path | None, typer.Option(help="The same model, quantised: `stream-guard models quantise`.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves it to each engine.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write the figures, with the machine's record.")] = None,
) -> None:
    """Measure every engine in every precision: speed, agreement with ONNX Runtime in float32, memory.

    Each row runs in a process of its own; the rows of one batch size take turns, so that other work on the machine
    disturbs all alike.
    """
    from json import dumps
    from typing import get_args

    from rich.console import Console
    from rich.progress import Progress

    from stream_guard.bench.engines import as_json, measure, plan
    from stream_guard.cli.failure import one_line
    from stream_guard.inference.engine import Precision

    known = [one for one in get_args(Precision) if one != "auto"]
    chosen = [one.strip() for one in precisions.split(",") if one.strip()]
    if not chosen or set(chosen) - set(known):
        raise typer.BadParameter(f"there are {', '.join(known)}", param_hint="--precisions")
    sizes = [int(one) for one in batches.split(",") if one.strip().isdigit()]
    if not sizes or len(sizes) != len(batches.split(",")) or min(sizes) < 1:
        raise typer.BadParameter("numbers from 1 up, such as 1,4,16", param_hint="--batches")
    console = Console()
    with one_line(), console.status("looking for engines"):
        wanted = plan(
            engines=[name.strip() for name in engines.split(",") if name.strip()],
            precisions=chosen,  # type: ignore[arg-type]  # checked above
            batches=sizes,
            model=model,
            int8=int8,
            threads=threads,
        )
    with one_line(), Progress(console=console, transient=True) as bar:
        task = bar.add_task("measure", total=1.0)
        figures, skipped = measure(
            wanted, seconds=seconds, progress=lambda share: bar.update(task, completed=share)
        )
    console.print(_table(figures))
    for line in _skipped(skipped):
        console.print(line, style="dim", markup=False, soft_wrap=True)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_text(
            dumps(as_json(wanted, figures, skipped, seconds=seconds), indent=1) + "\n", encoding="utf-8"
        )


def _table(figures: Sequence[Figures]) -> Table:
    from rich.table import Table

    table = Table(
        "engine", "device", "in", "batch", "median\nms", "p99\nms", "faces/s", "time", "logits\noff", "MiB",
        title=f"input {figures[0].size} px" if figures else "",
        caption="time: multiple of ONNX Runtime's in float32; logits off: largest difference from it",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="bold",
    )  # fmt: skip
    for column in table.columns:
        column.no_wrap = True  # half a number is worse than none
    for row in figures:
        table.add_row(
            row.engine,
            row.device,
            row.precision,
            str(row.batch),
            f"{row.median_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.faces_per_s:.0f}",
            "" if row.times is None else f"x {row.times:.2f}",
            f"{row.difference:.1e}" if row.difference else "0",
            "" if row.memory_mib is None else f"{row.memory_mib:.0f}",
        )
    return table


def _skipped(skipped: Sequence[Skipped]) -> list[str]:
    lines = []
    for one in skipped:
        what = " ".join([one.engine, one.precision or "", f"batch {one.batch}" if one.batch else ""])
        lines.append(f"not measured: {' '.join(what.split())}: {one.reason}")
    return lines
