"""``stream-guard doctor``: can it run here, with what, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stream_guard.cli.doctor_checks import Check
    from stream_guard.inference.environment import Environment

__all__ = ["doctor"]


def doctor(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Say whether stream-guard can run here: engines, codecs, models, the machine. Exit code 1 where it cannot."""
    from dataclasses import asdict

    from stream_guard.cli import doctor_checks as checks
    from stream_guard.cli.engines import engine_rows, engine_table
    from stream_guard.inference.environment import describe
    from stream_guard.inference.registry import candidates

    environment, engines = describe(), candidates()
    codecs, tools = [*checks.codecs(), checks.tracker()], checks.tools()
    models = [*checks.models(), checks.detector(engines)]
    problems = checks.problems(engines, [*codecs, *models])
    if json:
        from json import dumps

        report = {
            "ready": not problems,
            "problems": problems,
            "engines": engine_rows(engines),
            "media": [asdict(check) for check in codecs],
            "models": [asdict(check) for check in models],
            "tools": [asdict(check) for check in tools],
            "environment": asdict(environment),
        }
        typer.echo(dumps(report, indent=2))
    else:
        from rich.console import Console

        console = Console()
        parts = {
            "Engines": engine_table(engines),
            "Media": _check_table(codecs),
            "Models": _check_table(models),
            "Useful beside it": _check_table(tools),
            "Machine": _machine_table(environment),
        }
        for title, table in parts.items():
            console.print(f"[bold cyan]{title}[/]")
            console.print(table)
            console.print()
        if problems:
            console.print("[bold red]stream-guard cannot run here:[/]")
            for problem in problems:
                console.print(f"  {problem}", markup=False, soft_wrap=True)
        else:
            console.print("[bold green]stream-guard can run here.[/]")
    if problems:
        raise typer.Exit(1)


def _check_table(checks: Sequence[Check]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for check in checks:
        mark = "[green]yes[/]" if check.works else ("[red]no[/]" if check.needed else "[yellow]no[/]")
        table.add_row(check.what, mark, escape(check.detail))
    table.columns[0].no_wrap = True
    return table


def _machine_table(environment: Environment) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False)
    features = f" ({', '.join(environment.cpu_features)})" if environment.cpu_features else ""
    memory = "not known" if environment.memory_gib is None else f"{environment.memory_gib} GiB"
    table.add_row("system", environment.system)
    table.add_row("processor", f"{environment.cpu}{features}")
    table.add_row("cores", f"{environment.usable_cores} usable, {environment.logical_cores} hardware threads")
    table.add_row("memory", memory)
    table.add_row("NVIDIA GPU", "; ".join(environment.gpus) or "none found")
    table.add_row("Python", environment.python)
    table.add_row("libraries", ", ".join(f"{name} {number}" for name, number in environment.libraries.items()))
    return table
