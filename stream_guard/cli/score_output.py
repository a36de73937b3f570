"""What `stream-guard score` writes beside its table: reports, their signatures, and Graph bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from stream_guard.app import Runtime
from stream_guard.cli.keys import open_key
from stream_guard.config import Config
from stream_guard.errors import ConfigError
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.recording.compose import recording, report, settings
from stream_guard.recording.document import Recording, Verdict
from stream_guard.recording.formats import encode, format_of
from stream_guard.recording.session_record import SessionRecord, cutter
from stream_guard.recording.signing import file_sha256, sign

__all__ = ["ScoreOutput", "graph_json"]


class ScoreOutput:
    """Collects what reports need, and writes them at the end."""

    def __init__(self, reports: Sequence[Path], *, graph: Path | None, key: Path | None, moments: bool) -> None:
        """Check everything that can be checked before the work.

        Args:
            reports: files to write; their endings say what.
            graph: file for Graph bodies; ``-`` is standard output.
            key: private key to sign the reports with.
            moments: whether pictures of moments go into the reports.

        Raises:
            ConfigError: a file cannot be written, its ending says nothing, or the key cannot be read.
        """
        if key is not None and not reports:
            raise ConfigError("--sign needs a --report to sign")
        self._formats = {path: format_of(path) for path in reports}
        self._key = open_key(key) if key is not None else None
        self._graph = graph
        self._moments = moments
        self._recordings: list[Recording] = []
        self._bodies: list[dict[str, Any]] = []
        to_file = graph is not None and str(graph) != "-"
        for path in [*reports, *([graph] if graph is not None and to_file else [])]:
            _write(path, b"")

    def record(self, runtime: Runtime, file: str) -> SessionRecord | None:
        """Return what collects a file's scores; None where nothing is to be written of it."""
        if not self._formats and self._graph is None:
            return None
        manifest = runtime.manifest
        wanted = self._moments and any(kind != "csv" for kind in self._formats.values())
        return SessionRecord(
            SessionInfo(id=file, kind="file", label=Path(file).name, live=False),
            model=f"{manifest.name} {manifest.version}",
            engine=lambda: runtime.engines.engine,
            crop=cutter(size=manifest.size, margin=manifest.margin) if wanted else None,
        )

    async def add(self, record: SessionRecord, file: str, summary: dict[str, Any]) -> None:
        """Take a file that was scored."""
        names = Verdict.model_fields
        verdict = Verdict(**{name: value for name, value in summary.items() if name in names})
        digest, size = await asyncio.to_thread(_identity, Path(file))
        self._recordings.append(
            recording(record.snapshot(), verdict=verdict, sha256=digest, size=size, broken=summary.get("error"))
        )
        for one in record.graph_reports():
            # Of a recording both are known, once it has been seen.
            one.body["contentMetadata"] |= {"byteSize": size or 0, "duration": round(self._recordings[-1].length_s)}
            self._bodies.append({"file": file, "participant": one.participant, "body": one.body})

    async def write(self, runtime: Runtime, config: Config, every: int) -> None:
        """Write the reports, and sign them."""
        manifest = runtime.manifest
        made = report(
            self._recordings,
            model=f"{manifest.name} {manifest.version}",
            model_sha256=manifest.sha256,
            manifest=manifest,
            settings=settings(
                manifest,
                false_alarms_per_hour=config.false_alarms_per_hour,
                engine=runtime.engines.engine,
                device=runtime.engines.device,
                precision=config.precision,
                every=every,
                max_faces=config.max_faces,
            ),
        )
        for path, kind in self._formats.items():
            _write(path, await asyncio.to_thread(encode, made, kind))
            if self._key is not None:
                sign(path, self._key)
        if self._graph is not None and str(self._graph) != "-":
            _write(self._graph, graph_json(self._bodies).encode())

    def print_graph(self) -> None:
        """Print the Graph bodies, if that is wanted."""
        if self._graph is not None and str(self._graph) == "-":
            typer.echo(graph_json(self._bodies), nl=False)


def graph_json(bodies: Sequence[dict[str, Any]]) -> str:
    """Return Graph bodies as a JSON array, each with the participant it is about beside it."""
    return json.dumps(list(bodies), indent=1) + "\n"


def _identity(path: Path) -> tuple[str | None, int | None]:
    """Return a file's digest and size; None where it cannot be read a second time, such as a pipe."""
    try:
        return (file_sha256(path), path.stat().st_size) if path.is_file() else (None, None)
    except OSError:
        return None, None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
