"""``stream-guard engines``: which inference engines there are, and which can run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

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
