"""What a report can be written as, told by a file's ending."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stream_guard.errors import ConfigError
from stream_guard.recording.document import Report

__all__ = ["MEDIA_TYPES", "Format", "encode", "format_of"]

Format = Literal["html", "json", "csv"]

MEDIA_TYPES: dict[Format, str] = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
}
"""RFC 2854, 8259, 7111."""

_ENDINGS: dict[str, Format] = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv"}


def format_of(path: Path) -> Format:
    """Return what a file is to hold.

    Raises:
        ConfigError: its name ends in none of ``.html``, ``.htm``, ``.json`` and ``.csv``.
    """
    try:
        return _ENDINGS[path.suffix.lower()]
    except KeyError:
        raise ConfigError(f"{path}: a report's name ends in .html, .json or .csv") from None


def encode(report: Report, kind: Format) -> bytes:
    """Return the report's bytes. Takes a second for an hour of call: not for the event loop."""
    if kind == "json":
        return report.model_dump_json(indent=1).encode() + b"\n"
    if kind == "csv":
        from stream_guard.recording.table import csv_table

        return csv_table(report).encode()
    from stream_guard.recording.report import render

    return render(report).encode()
