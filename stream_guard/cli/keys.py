"""``stream-guard keys``: the key that reports are signed with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stream_guard.recording.minisign import SecretKey

__all__ = ["PASSPHRASE", "app", "open_key"]

PASSPHRASE = "STREAM_GUARD_PASSPHRASE"
"""Environment variable that a passphrase is read from where nobody can be asked."""

app = typer.Typer(
    name="keys", help="The key that reports are signed with: make one, show its public half.", no_args_is_help=True
)

_Key = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Private key's file; in your settings if left out.")
]


@app.command()
def new(
    out: _Key = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Keep it under a passphrase, which is asked for.")
    ] = False,
) -> None:
    """Make a key pair: the private key for you alone, the public one, ending in .pub, for whoever checks."""
    import os

    from stream_guard.cli.failure import one_line
    from stream_guard.errors import ConfigError
    from stream_guard.recording.signing import key_path, make_keys

    with one_line():
        path = out or key_path()
        words = ""
        if passphrase:
            words = os.environ.get(PASSPHRASE) or typer.prompt(
                "Passphrase", hide_input=True, confirmation_prompt=True, default="", show_default=False
            )
            if not words:
                raise ConfigError("an empty passphrase protects nothing; leave --passphrase out")
        public = make_keys(path, words)
    typer.echo(f"private key  {path}  (keep it to yourself)")
    typer.echo(f"public key   {path.with_suffix('.pub')}")
    typer.echo(f"             {public.encode().splitlines()[1]}")


@app.command()
def show(
    key: Annotated[
        Path | None, typer.Argument(help="A public key's file; your own if left out.", show_default=False)
    ] = None,
) -> None:
    """Print a public key, as one line to hand to others."""
    from stream_guard.cli.failure import one_line
    from stream_guard.recording.signing import key_path, read_public

    with one_line():
        public = read_public(str(key or key_path().with_suffix(".pub")))
    typer.echo(public.encode().splitlines()[1])


def open_key(path: Path) -> SecretKey:
    """Read a private key, asking for its passphrase where it has one.

    Raises:
        ConfigError: it cannot be read, is none, or the passphrase is wrong.
    """
    import os

    from stream_guard.recording.signing import is_locked, read_secret

    words = ""
    if is_locked(path):
        words = os.environ.get(PASSPHRASE) or typer.prompt(f"Passphrase of {path}", hide_input=True, err=True)
    return read_secret(path, words)
