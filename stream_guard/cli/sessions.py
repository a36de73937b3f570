"""``stream-guard sessions``: what `serve --journal` has kept; list it, read it, report on it, delete it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from stream_guard.recording.archive import Kept
    from stream_guard.recording.journal_report import JournalReport
    from stream_guard.recording.line import Line
    from stream_guard.recording.replay import Replay

__all__ = ["app"]

app = typer.Typer(
    name="sessions", help="Kept sessions (serve --journal): list, show, report, delete.", no_args_is_help=True
)

_Journal = Annotated[
    Path | None, typer.Option("--journal", metavar="DIR", help="Folder they are in; your data folder if left out.")
]


@app.command("list")
def list_(
    journal: _Journal = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a session.")] = False,
) -> None:
    """List the sessions that are kept, oldest first."""
    import json

    from rich.console import Console
    from rich.table import Table

    from stream_guard.cli.failure import one_line
    from stream_guard.recording.archive import kept_sessions

    with one_line():
        folder = _folder(journal)
        kept = kept_sessions(folder)
    if as_json:
        for one in kept:
            typer.echo(
                json.dumps(
                    {
                        "name": one.name,
                        "began": one.began.isoformat(),
                        "last": one.last.isoformat(),
                        "bytes": one.size,
                        "pictures": one.pictures,
                    }
                )
            )
        return
    console = Console()
    table = Table("session", "began", "length", "size", "pictures", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for one in kept:
        length = str(one.last - one.began).partition(".")[0] if one.last > one.began else "0:00:00"
        began = f"{one.began.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(one.name, began, length, _size(one.size), str(one.pictures or ""))
    if kept:
        console.print(table)
    total = sum(one.size for one in kept)
    console.print(f"{len(kept)} sessions, {_size(total)}, in {folder}", style="dim", soft_wrap=True, markup=False)


@app.command()
def show(
    session: Annotated[str, typer.Argument(help="Its name, or the beginning of it.")],
    journal: _Journal = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every whole line, as it was written.")] = False,
) -> None:
    """Show what happened in a session; a torn line is counted and left out."""
    from rich.console import Console

    from stream_guard.cli.failure import one_line
    from stream_guard.recording.replay import Replay

    with one_line():
        kept = _find(_folder(journal), session)
        replay = Replay(kept.path)
        if as_json:
            for line in replay:
                typer.echo(line.encode(), nl=False)
            return
        console = Console()
        console.print(_events(replay))
    console.print(_about(kept, replay), soft_wrap=True, markup=False)


@app.command()
def report(
    session: Annotated[str, typer.Argument(help="Its name, or the beginning of it.")],
    out: Annotated[
        list[Path] | None,
        typer.Option(help="File to write: .html, .json or .csv; may be given several times.", show_default=False),
    ] = None,
    graph: Annotated[
        bool, typer.Option("--graph", help="Print alarms as Microsoft Graph reportSyntheticMedia bodies.")
    ] = False,
    sign: Annotated[
        Path | None, typer.Option(help="Sign the reports with this private key; see `stream-guard keys new`.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model that scored, if it was one of your own: for its error rates.")
    ] = None,
    journal: _Journal = None,
) -> None:
    """Write a report of a kept session: for people, for programs, or as a table."""
    from stream_guard.cli.failure import one_line
    from stream_guard.errors import ConfigError
    from stream_guard.recording.journal_report import JournalReport

    with one_line():
        if not out and not graph:
            raise ConfigError("say where to: --out report.html, or --graph")
        read = JournalReport(_find(_folder(journal), session).path)
        _write_reports(read, out or [], sign=sign, model=model)
        if graph:
            _print_graph(read)


@app.command()
def delete(
    session: Annotated[list[str] | None, typer.Argument(help="Names, or beginnings of names.")] = None,
    journal: _Journal = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Those last written to longer ago.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete sessions, pictures and all. A server that still writes one goes on without a journal of it."""
    from datetime import UTC, datetime, timedelta

    from stream_guard.cli.failure import one_line
    from stream_guard.errors import ConfigError
    from stream_guard.recording import archive

    with one_line():
        folder = _folder(journal)
        chosen = [_find(folder, name) for name in session or ()]
        if every:
            chosen = archive.kept_sessions(folder)
        elif older_than is not None:
            oldest = datetime.now(UTC) - timedelta(days=older_than)
            chosen += [one for one in archive.kept_sessions(folder) if one.last < oldest]
        elif not chosen:
            raise ConfigError("say which: a name, --older-than DAYS, or --all")
        names = dict.fromkeys(one.name for one in chosen)
        if names and not yes:
            typer.confirm(f"Delete {len(names)} of the sessions in {folder}?", abort=True)
        for name in names:
            archive.delete(folder, name)
    typer.echo(f"{len(names)} deleted")


def _write_reports(read: JournalReport, out: list[Path], *, sign: Path | None, model: Path | None) -> None:
    from stream_guard.cli.keys import open_key
    from stream_guard.errors import ConfigError
    from stream_guard.models import store
    from stream_guard.recording import signing
    from stream_guard.recording.formats import encode, format_of

    formats = {path: format_of(path) for path in out}
    key = open_key(sign) if sign is not None else None
    made = read.report((store.open_model(model) if model else store.default_model())[1])
    for path, kind in formats.items():
        try:
            path.write_bytes(encode(made, kind))
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
        if key is not None:
            signing.sign(path, key)
        typer.echo(f"written: {path}")


def _print_graph(read: JournalReport) -> None:
    import json

    bodies = [{"participant": one.participant, "body": one.body} for one in read.graph()]
    typer.echo(json.dumps(bodies, indent=1))


def _folder(journal: Path | None) -> Path:
    from stream_guard.recording.archive import data_dir

    return data_dir() if journal is None or str(journal) == "auto" else journal


def _find(folder: Path, beginning: str) -> Kept:
    from stream_guard.errors import ConfigError
    from stream_guard.recording.archive import kept_sessions

    found = [one for one in kept_sessions(folder) if one.name.startswith(beginning)]
    if len(found) != 1:
        how = "no session" if not found else f"{len(found)} sessions"
        raise ConfigError(f"{how} in {folder} begin with {beginning!r}; see: stream-guard sessions list")
    return found[0]


def _events(replay: Replay) -> Table:
    from rich.table import Table
    from rich.text import Text

    from stream_guard.errors import printable
    from stream_guard.protocol.messages import Engine, Event, Session

    table = Table("time", "at", "what", "face", "authenticity", box=None, header_style="bold")
    for line in replay:
        message = line.message
        if isinstance(message, Event):
            what = message.kind.value.replace("_", " ")
            if message.state is not None:
                what += f": {message.state.value.replace('_', ' ')}"
            value = "" if message.authenticity is None else f"{message.authenticity:.2f}"
            face = "" if message.face is None else str(message.face)
            table.add_row(_clock(line), f"{message.t:.1f} s", what, face, value)
        elif isinstance(message, Session):
            reason = f" ({message.reason})" if message.reason else ""
            # What comes from outside is text, whatever marks it holds; a journal may be anybody's.
            shown = Text(printable(f"{message.state}: {message.kind} {message.label}{reason}"))
            table.add_row(_clock(line), "", shown)
        elif isinstance(message, Engine):
            table.add_row(_clock(line), "", Text(printable(f"engine: {message.engine} on {message.device}")))
        elif line.evidence is not None:
            table.add_row(_clock(line), "", Text(printable(f"picture kept: {line.evidence}")))
    return table


def _about(kept: Kept, replay: Replay) -> str:
    from stream_guard.errors import printable

    header = replay.header
    model = f"{header.model.name} {header.model.version} on {header.engine}, " if header else ""
    how = "whole" if replay.ended else "without an end: the server was stopped, or is still at it"
    gaps = f", {replay.torn} torn" if replay.torn else ""
    gaps += f", {replay.missing} missing" if replay.missing else ""
    return f"{printable(model)}{replay.lines} lines{gaps}, {how}; in {kept.path}"


def _clock(line: Line) -> str:
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(line.at).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError):  # none, or one that another time zone puts before the year 1
        return ""


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
