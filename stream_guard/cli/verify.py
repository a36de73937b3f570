"""``stream-guard verify``: is a report what its signer saw, and is the recording still the one it is about?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["verify"]


def verify(
    report: Annotated[Path, typer.Argument(help="The report's file.", show_default=False)],
    key: Annotated[
        str | None,
        typer.Option(help="Public key of who signed it: a file, or the line itself; your own if left out."),
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="The signature's file; the one beside the report if left out.")
    ] = None,
    inputs: Annotated[
        list[Path] | None, typer.Option("--input", help="A recording that must be one the report is about.")
    ] = None,
) -> None:
    """Say whether a signed report, and the recordings given, are unchanged.

    Exit code 0: they are. 1: something was changed, or is signed with another key. 2: a file is missing.
    """
    from datetime import UTC, datetime

    from stream_guard.cli.failure import one_line
    from stream_guard.errors import SignatureError
    from stream_guard.recording.signing import check_input, key_path, read_public
    from stream_guard.recording.signing import verify as check

    with one_line():
        public = read_public(key or str(key_path().with_suffix(".pub")))
        try:
            held = check(report, public, signature)
            for path in inputs or ():
                check_input(report, path)
        except SignatureError as error:
            typer.secho(f"NOT VERIFIED: {error}", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from None
    when = "" if held.signed is None else f", {datetime.fromtimestamp(held.signed, UTC):%Y-%m-%d %H:%M} UTC"
    many = len(inputs or ())
    files = "" if not many else " and the recording are" if many == 1 else f" and the {many} recordings are"
    typer.echo(f"verified: the report{files or ' is'} unchanged, signed with key {public.name}{when}")
