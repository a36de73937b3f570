"""The folder that journals are kept in: one folder a session, found, measured, thinned out and deleted.

Only folders that look like a session's are ever touched, whatever else lies beside them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stream_guard.errors import ConfigError

__all__ = ["EVIDENCE", "Kept", "data_dir", "delete", "kept_sessions", "new_name", "part_path", "parts", "prune"]

EVIDENCE = "evidence"
"""A session's folder of pictures, where it has one."""

_NAME = re.compile(r"(\d{8}T\d{6}Z)-[A-Za-z0-9_]{1,64}-[0-9a-f]{8}")
_PART = re.compile(r"\d{6}\.jsonl")
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that is kept.

    Attributes:
        name: of its folder.
        began: when, in UTC.
        last: when something was last written, in UTC.
        size: of all its files, in bytes.
        pictures: of evidence.
    """

    path: Path
    name: str
    began: datetime
    last: datetime
    size: int
    pictures: int


def data_dir() -> Path:
    """Return the folder sessions are kept in where no other is given: below the platform's folder for user data.

    Raises:
        ConfigError: there is no home folder.
    """
    try:
        if sys.platform == "win32":
            root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            root = Path.home() / "Library" / "Application Support"
        else:
            root = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError as error:
        raise ConfigError("there is no home folder to keep sessions in: name a folder with --journal") from error
    return root / "stream-guard" / "sessions"


def new_name(session: str, now: datetime) -> str:
    """Return a folder's name for a session that begins now. Ids begin anew with every start of the server."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", session)[:64] or "_"
    return f"{now.astimezone(UTC):{_STAMP}}-{plain}-{secrets.token_hex(4)}"


def part_path(folder: Path, number: int) -> Path:
    """Return where a session's n-th file is; 1 is the first."""
    return folder / f"{number:06d}.jsonl"


def parts(folder: Path) -> list[Path]:
    """Return a session's files, oldest first."""
    return sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))


def kept_sessions(folder: Path) -> list[Kept]:
    """Return the sessions in a folder, oldest first; none where there is no such folder.

    Raises:
        ConfigError: it is no folder, or may not be read.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror or error}") from error
    found = []
    for path in paths:
        match = _NAME.fullmatch(path.name)
        # One may go while we look.
        with contextlib.suppress(OSError, ValueError):
            if match and path.is_dir() and not path.is_symlink():
                found.append(_measured(path, match[1]))
    return sorted(found, key=lambda kept: kept.name)


def delete(folder: Path, name: str) -> None:
    """Delete a session: its lines and its pictures.

    Raises:
        ConfigError: there is no such session, or its files cannot be deleted.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not path.is_dir() or path.is_symlink():
        raise ConfigError(f"there is no session {name!r} in {folder}")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be deleted: {error.strerror or error}") from error


def prune(folder: Path, *, days: float, total_bytes: int, running: Collection[str] = ()) -> list[str]:
    """Delete what is older or more than is to be kept, the oldest first.

    Args:
        folder: that sessions are kept in.
        days: a session that was last written to longer ago goes.
        total_bytes: of all sessions together.
        running: names of sessions that are being written; only their oldest files go, and the newest stays.

    Returns:
        The names of the sessions that were deleted.

    Raises:
        ConfigError: the folder may not be read.
    """
    sessions = kept_sessions(folder)
    left = sum(kept.size for kept in sessions)
    oldest = datetime.now(UTC) - timedelta(days=days)
    gone = []
    for kept in sessions:
        if kept.name not in running and (kept.last < oldest or left > total_bytes):
            with contextlib.suppress(ConfigError):
                delete(folder, kept.name)
                gone.append(kept.name)
                left -= kept.size
    for kept in sessions:
        if kept.name in running and left > total_bytes:
            with contextlib.suppress(OSError):
                for path in parts(kept.path)[:-1]:
                    if left > total_bytes:
                        left -= path.stat().st_size
                        path.unlink()
    return gone


def _measured(path: Path, stamp: str) -> Kept:
    facts = [entry.stat() for entry in path.rglob("*") if entry.is_file()]
    last = max((fact.st_mtime for fact in facts), default=path.stat().st_mtime)
    return Kept(
        path=path,
        name=path.name,
        began=datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC),
        last=datetime.fromtimestamp(last, UTC),
        size=sum(fact.st_size for fact in facts),
        pictures=sum(1 for _ in (path / EVIDENCE).glob("*.jpg")),
    )
