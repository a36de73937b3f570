"""How long work shows itself."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["frame_progress", "second_progress"]


def frame_progress(console: Console) -> Progress:
    """Return a bar that counts frames; it disappears when done."""
    return Progress(
        TextColumn("{task.description}", markup=False),  # it may be a file's name
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def second_progress(console: Console) -> Progress:
    """Return a bar that counts seconds; it disappears when done."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f} s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
