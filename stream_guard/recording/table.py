"""The report as a table: CSV (RFC 4180), one row a second in which a face was looked at."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from stream_guard.recording.document import Recording, Report, Series

__all__ = ["COLUMNS", "csv_table"]

COLUMNS = (
    *("recording", "face", "second", "time", "state", "authenticity", "low", "high"),
    *("frame_mean", "frame_lowest", "frames", "scored", "coverage", "reasons", "cues"),
    *("recording_sha256", "model", "model_sha256"),
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_table(report: Report) -> str:
    """Return the table, header first.

    Scores are those at the second's end; ``frame_mean`` and ``frame_lowest`` are over the frames within it. An
    empty cell is a score that was not given. A face in view for more than three and a half hours has a
    row every 1.6 s.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for recording in report.recordings:
        for face in recording.faces:
            for row in _rows(recording, face.series):
                cells = (_text(recording.label), face.id, *row, recording.sha256 or "")
                table.writerow((*cells, _text(report.model), report.model_sha256))
    return out.getvalue()


def _rows(recording: Recording, series: Series) -> Iterator[tuple[object, ...]]:
    began = None if recording.began is None else datetime.fromisoformat(recording.began)
    for second, group in groupby(range(len(series.t)), lambda place: math.floor(series.t[place] + 1e-6)):
        places = list(group)
        last = places[-1]
        scored = sum(series.scored[place] for place in places)
        lowest = [one for place in places if (one := series.frame_lowest[place]) is not None]
        total = sum((series.frame_mean[place] or 0.0) * series.scored[place] for place in places)
        yield (
            second,
            "" if began is None else (began + timedelta(seconds=second)).isoformat(timespec="seconds"),
            series.state[last].value,
            _number(series.authenticity[last]),
            _number(series.low[last]),
            _number(series.high[last]),
            _number(total / scored if scored else None),
            _number(min(lowest, default=None)),
            sum(series.frames[place] for place in places),
            scored,
            series.coverage[last],
            " ".join(sorted({one.value for place in places for one in series.reasons[place]})),
            " ".join(sorted({one.value for place in places for one in series.cues[place]})),
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _text(label: str) -> str:
    """Return a name as text to any spreadsheet: one that begins like a formula gets an apostrophe before it."""
    plain = "".join(letter if letter.isprintable() else " " for letter in label)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain
