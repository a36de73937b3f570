"""``stream-guard models``: which model files there are, getting them, and what is known of the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from stream_guard.models.manifest import Manifest

__all__ = ["app"]

app = typer.Typer(name="models", help="The model files: list, fetch, describe.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the detector and the files made by others, and whether each is here."""
    from rich.console import Console
    from rich.table import Table

    from stream_guard.errors import ModelError
    from stream_guard.models import store

    table = Table("file", "version", "what it does", "licence", "size", "here", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    failure = ""
    try:
        onnx, manifest = store.default_model()
    except ModelError as error:
        failure = str(error)
        table.add_row("default.onnx", "", "judges faces", "", "", "[red]no[/]")
    else:
        version = f"{manifest.version} ({manifest.status})"
        table.add_row(
            onnx.name, version, "judges faces", manifest.licence, _megabytes(onnx.stat().st_size), "[green]yes[/]"
        )
    for file in store.FILES.values():
        here = "[green]yes[/]" if store.is_cached(file.name) else "not yet"
        table.add_row(file.name, file.version, file.purpose, file.licence, _megabytes(file.size), here)
    console = Console()
    console.print(table)
    if failure:
        console.print(failure, style="red", soft_wrap=True, markup=False)
    console.print(
        f"Files made by others are fetched when first used, and kept in {store.cache_dir()}",
        style="dim",
        soft_wrap=True,
        markup=False,
    )


@app.command()
def pull() -> None:
    """Fetch the files made by others, so that all else works offline."""
    from rich.console import Console

    from stream_guard.cli.failure import one_line
    from stream_guard.models import store

    console = Console()
    with one_line(), console.status("") as status:
        paths = store.pull(lambda file: status.update(f"{file.name} ({_megabytes(file.size)})"))
    for path in paths:
        console.print(path, soft_wrap=True)


@app.command()
def show(
    model: Annotated[
        Path | None, typer.Argument(help="An ONNX file with its manifest beside it; the shipped one if left out.")
    ] = None,
) -> None:
    """Show what is known of a detector: how it was made, how good it is, what it cannot do."""
    from rich.console import Console
    from rich.markup import escape

    from stream_guard.cli.failure import one_line
    from stream_guard.models import store

    with one_line():
        onnx, manifest = store.default_model() if model is None else store.open_model(model)
    console = Console()
    head = f"[bold]{escape(f'{manifest.name} {manifest.version}')}[/] ({manifest.status}): "
    console.print(head + escape(manifest.summary))
    console.print(_facts(onnx, manifest))
    if manifest.measured:
        console.print(_measured(manifest))
    for limit in manifest.limits:
        console.print(f"- {limit}", markup=False)


@app.command()
def quantise(
    faces: Annotated[Path, typer.Option(help="Folder of prepared faces, as `stream-guard train` left them.")],
    model: Annotated[
        Path | None, typer.Option(help="ONNX file, its manifest beside it; the shipped one if left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the INT8 model and its manifest.")] = Path("runs/int8"),
    count: Annotated[int, typer.Option(min=16, help="Faces that set the ranges, half of them forged.")] = 512,
    seed: Annotated[int, typer.Option(help="Of their choice.")] = 0,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="For TensorRT, which takes no other.")] = False,
) -> None:
    """Make an INT8 model of a float one. Measure what it costs before you use it."""
    from rich.console import Console
    from rich.progress import Progress

    from stream_guard.cli.failure import one_line
    from stream_guard.models import store

    with one_line():
        try:
            from stream_guard.training.quantisation import quantise as make
        except ImportError as error:
            from stream_guard.errors import ConfigError

            raise ConfigError(f"quantising needs the extra [train]: {error.name} is not installed") from error
        onnx, manifest = store.default_model() if model is None else store.open_model(model)
        console = Console()
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("calibrate", total=1.0)
            made = make(
                onnx,
                manifest,
                out,
                faces,
                faces=count,
                seed=seed,
                symmetric=symmetric,
                progress=lambda share: bar.update(task, completed=share),
            )
    console.print(f"{out / made.file}, calibrated on {made.quantised_on}", soft_wrap=True, markup=False)


def _facts(onnx: Path, manifest: Manifest) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("file", escape(str(onnx)))
    table.add_row("sha256", manifest.sha256)
    table.add_row("licence", escape(manifest.licence))
    table.add_row("parameters", f"{manifest.parameters:,}")
    table.add_row("input", f"{manifest.size} px, margin {manifest.margin:g}, faces from {manifest.min_face_px} px")
    table.add_row("made by", escape(manifest.made_by))
    for data in manifest.data:
        table.add_row(f"data: {data.use}", escape(f"{data.name}: {data.items:,} items; {data.terms}"))
    return table


def _measured(manifest: Manifest) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("measured on", "metric", "value", "95 %", box=None, header_style="bold")
    for figure in manifest.measured:
        known = figure.low is not None and figure.high is not None
        interval = f"{figure.low:.3f} to {figure.high:.3f}" if known else ""
        table.add_row(escape(figure.on), figure.metric, f"{figure.value:.3f}", interval)
    return table


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
