"""Errors as a user wants them: one line on stderr and an exit code, no trace."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

__all__ = ["one_line"]


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Turn an expected error into one line and exit code 2."""
    from stream_guard.errors import StreamGuardError

    try:
        yield
    except StreamGuardError as error:
        typer.secho(f"stream-guard: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
