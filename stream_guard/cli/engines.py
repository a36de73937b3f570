"""``stream-guard engines``: which inference engines there are, which can run here, and compiling for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import TaskID
    from rich.table import Table

    from stream_guard.inference.registry import Candidate

__all__ = ["app", "engine_rows", "engine_table"]

app = typer.Typer(name="engines", help="The inference engines: what runs the model.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """The inference engines: what runs the model."""


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the engines, the one that `auto` takes first, with the reason where one cannot run."""
    from stream_guard.inference.registry import candidates

    rows = candidates()
    if json:
        from json import dumps

        typer.echo(dumps(engine_rows(rows), indent=2))
        return
    from rich.console import Console

    Console().print(engine_table(rows))


@app.command()
def build(
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16", "int8"],
        typer.Option(help="What to compute in. `auto` is the fastest that is known to cost nothing."),
    ] = "auto",
    targets: Annotated[
        str, typer.Option(help="GPUs to build for, such as sm75,sm86,sm89,sm120; or the one that is here.")
    ] = "current",
    model: Annotated[
        Path | None, typer.Option(help="An ONNX file with its manifest beside it; the shipped one if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; by default where the engine looks.")] = None,
    engine: Annotated[str, typer.Option(help="The engine to build for.")] = "tensorrt",
) -> None:
    """Compile the model for a GPU ahead of time. Otherwise the engine does so when it is first used."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from stream_guard.cli.failure import one_line
    from stream_guard.errors import ConfigError, EngineUnavailable
    from stream_guard.inference.registry import candidates
    from stream_guard.models import store

    wanted = [target.strip() for target in targets.split(",") if target.strip()]
    console = Console()
    with one_line():
        if not wanted:
            raise ConfigError("--targets names no GPU")
        row = next((row for row in candidates() if row.name == engine), None)
        if row is None or row.engine is None:
            raise EngineUnavailable(f"there is no engine {engine}" + (f": {row.probe.reason}" if row else ""))
        onnx, manifest = store.default_model() if model is None else store.open_model(model)
        line = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*line, console=console, transient=True) as bar:
            for target in wanted:
                task = bar.add_task(f"{onnx.name} for {target}", total=None)

                def told(phase: str, task: TaskID = task, target: str = target) -> None:
                    bar.update(task, description=f"{onnx.name} for {target}: {phase}")

                made = row.engine.build(
                    onnx, manifest, target=target, precision=precision, folder=out, progress=told
                )
                bar.remove_task(task)
                console.print(made.contents, markup=False, highlight=False, soft_wrap=True)
                console.print(f"  {made.file}", style="dim", markup=False, highlight=False, soft_wrap=True)


def engine_rows(rows: Sequence[Candidate]) -> list[dict[str, object]]:
    """Return the candidates as plain data, for JSON."""
    return [
        {
            "name": row.name,
            "available": row.probe.available,
            "auto": number == 0 and row.probe.available,
            "device": row.probe.device,
            "reason": row.probe.reason,
        }
        for number, row in enumerate(rows)
    ]


def engine_table(rows: Sequence[Candidate]) -> Table:
    """Return the candidates as a table, for people."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("engine", "runs here", "device", "why", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for row in engine_rows(rows):
        here = "[red]no[/]"
        if row["available"]:
            here = "[green]yes, auto[/]" if row["auto"] else "[green]yes[/]"
        table.add_row(str(row["name"]), here, str(row["device"]), escape(str(row["reason"])))
    return table
