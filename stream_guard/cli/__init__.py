"""The command line: one verb a file. Verbs import what they need when they run, so ``--help`` answers at once."""

from __future__ import annotations

import typer

from stream_guard import __version__
from stream_guard.cli import (
    bench,
    demo,
    doctor,
    engines,
    evaluate,
    keys,
    models,
    obs,
    rehearse,
    score,
    serve,
    sessions,
    train,
    verify,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="stream-guard",
    help="A deepfake detector for live video calls. Nothing leaves this machine.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stream-guard {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A deepfake detector for live video calls. Nothing leaves this machine."""


app.command()(serve.serve)
app.command()(demo.demo)
app.command()(rehearse.rehearse)
app.command()(score.score)
app.command()(verify.verify)
app.command()(doctor.doctor)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.add_typer(models.app)
app.add_typer(engines.app)
app.add_typer(bench.app)
app.add_typer(sessions.app)
app.add_typer(keys.app)
app.add_typer(obs.app)


def main() -> None:
    """Run the command line."""
    app()
