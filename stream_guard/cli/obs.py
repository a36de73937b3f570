"""``stream-guard obs``: get OBS Studio ready."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from stream_guard.obs.sending import Sending

__all__ = ["app"]

app = typer.Typer(
    name="obs", help="OBS Studio: the overlay, the script, and sending from it.", no_args_is_help=True
)


class _Way(StrEnum):
    nothing = "nothing"
    rtmp = "rtmp"
    udp = "udp"
    whip = "whip"


@app.command()
def setup(
    server: Annotated[str, typer.Option(help="Address of stream-guard.")] = "http://127.0.0.1:8765",
    token: Annotated[
        str | None,
        typer.Option(
            envvar=["STREAM_GUARD_WATCH_TOKEN", "STREAM_GUARD_TOKEN"], help="A token of the server that may watch."
        ),
    ] = None,
    send_token: Annotated[
        str | None,
        typer.Option(
            envvar=["STREAM_GUARD_SEND_TOKEN", "STREAM_GUARD_TOKEN"],
            help="One that may send, for WHIP, if it is another.",
        ),
    ] = None,
    send: Annotated[
        _Way, typer.Option(help="Also make OBS ready to send its picture to stream-guard.")
    ] = _Way.nothing,
    running: Annotated[bool, typer.Option("--running", help="Set up an OBS that runs, by its websocket.")] = False,
    host: Annotated[str, typer.Option(help="With --running: where OBS runs.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --running: port of its websocket.")] = 4455,
    folder: Annotated[Path | None, typer.Option(help="OBS's own folder, where it is not the usual one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier setup has written.")] = False,
) -> None:
    """Write scenes with the overlay and the script for OBS, or put them into one that runs.

    The password of OBS's websocket is asked for, or taken from STREAM_GUARD_OBS_PASSWORD. It is never shown.
    """
    from rich.console import Console

    from stream_guard.cli.failure import one_line
    from stream_guard.obs.sending import way

    console = Console()
    with one_line():
        address = _address(server)
        sending = None if send is _Way.nothing else way(send, server=address, token=send_token or token)
        if running:
            _drive(console, host, port, address, token, sending)
        else:
            _write(console, folder, address, token, sending, force)
        if sending is not None and sending.source is not None:
            console.print("Start the server so that it listens, then press Start Streaming in OBS:")
            console.print(f"  stream-guard serve --source '{sending.source}'", soft_wrap=True, markup=False)


@app.command()
def script() -> None:
    """Print where the OBS script is: add it in OBS under Tools > Scripts."""
    from stream_guard.cli.failure import one_line
    from stream_guard.obs.files import SCRIPT, shipped

    with one_line():
        typer.echo(shipped(SCRIPT))


def _write(
    console: Console, folder: Path | None, server: str, token: str | None, sending: Sending | None, force: bool
) -> None:
    from stream_guard.obs.collection import NAME, write
    from stream_guard.obs.files import config_folder

    for path in write(folder or config_folder(), server, token, sending=sending, replace=force):
        console.print(path, soft_wrap=True, markup=False)
    console.print(f"Start OBS anew, and choose Scene Collection > {NAME}.", markup=False)
    if sending is not None:
        console.print(f"To send: Profile > {NAME} ({sending.needs}).", markup=False)


def _drive(console: Console, host: str, port: int, server: str, token: str | None, sending: Sending | None) -> None:
    import os

    from stream_guard.obs.files import SCRIPT, shipped
    from stream_guard.obs.remote import SCENE, RunningObs

    password = os.environ.get("STREAM_GUARD_OBS_PASSWORD")
    if password is None:
        password = typer.prompt("Password of OBS's websocket", hide_input=True, default="", show_default=False)
    with RunningObs(host=host, port=port, password=password) as obs:
        console.print(f"OBS Studio {obs.version()}")
        if obs.add_overlay(server, token):
            console.print(f"The overlay is in the scene “{SCENE}”: add the call below it.", markup=False)
        else:
            console.print("This OBS has no browser sources; use the script instead.", style="yellow")
        if sending is not None:
            obs.send_by(sending)
            console.print("A profile of its own, “stream-guard”, is ready to send.")
        console.print(f"For the badge and alarms add {shipped(SCRIPT)} under Tools > Scripts.", soft_wrap=True)


def _address(server: str) -> str:
    """Return the server's address without a path.

    Raises:
        ConfigError: it is none.
    """
    from urllib.parse import urlsplit

    from stream_guard.errors import ConfigError

    parts = urlsplit(server if "//" in server else f"http://{server}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("--server must be an address such as http://127.0.0.1:8765")
    return f"{parts.scheme}://{parts.netloc}"
