"""What every benchmark ends with: the difference from an earlier result, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["conclude", "difference_table"]


def conclude(
    console: Console, contents: Mapping[str, object], *, json: Path | None, earlier: Mapping[str, object] | None
) -> None:
    """Show what has changed, and write the file.

    Args:
        console: to print on.
        contents: of the file, as `stream_guard.bench.results.result` gives them.
        json: where to; nowhere if None.
        earlier: another such file's.

    Raises:
        ConfigError: the two cannot be compared.
    """
    from stream_guard.bench import results

    if json is not None:
        results.save(json, contents)
    if earlier is not None:
        differences = results.compare(earlier, contents)
        console.print(difference_table(differences))
        worse = sum(one.worse for one in differences)
        console.print(f"{worse} of {len(differences)} figures are worse by more than a tenth")


def difference_table(differences: list[Any]) -> Table:
    """Return a table of what has changed, then and now."""
    from rich.table import Table

    table = Table("figure", "before", "now", "ratio", "", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in differences:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        table.add_row(one.name, f"{one.before:g}", f"{one.now:g}", ratio, "[red]worse[/]" if one.worse else "")
    return table
