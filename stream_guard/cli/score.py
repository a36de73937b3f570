"""``stream-guard score``: recordings in, one verdict a file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from stream_guard.app import Runtime
    from stream_guard.cli.score_output import ScoreOutput
    from stream_guard.config import Config
    from stream_guard.recording.session_record import SessionRecord

__all__ = ["score"]


def score(
    files: Annotated[list[str], typer.Argument(help="Recordings to score.", show_default=False)],
    json: Annotated[Path | None, typer.Option(help="Write a JSON line a face and frame, then a summary.")] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            help="Write a report: .html for people, .json for programs, .csv with a row a second and face. "
            "May be given several times.",
        ),
    ] = None,
    moments: Annotated[
        bool, typer.Option("--moments/--no-moments", help="Put pictures of telling moments into the report.")
    ] = True,
    graph: Annotated[
        Path | None,
        typer.Option(help="Write alarms as Microsoft Graph reportSyntheticMedia bodies; - prints them."),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(help="Sign the reports with this private key; see `stream-guard keys new`.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Inference engine; see `stream-guard engines list`.")] = "auto",
    precision: Annotated[str, typer.Option(help="What it computes in: auto, fp32, fp16, bf16 or int8.")] = "auto",
    model: Annotated[Path | None, typer.Option(help="ONNX file of your own, its manifest beside it.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads for inference; 0 lets the engine decide.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Look at every n-th frame only.")] = 1,
    max_faces: Annotated[int, typer.Option(min=1, help="Faces followed at a time.")] = 25,
    false_alarms_per_hour: Annotated[
        float,
        typer.Option(min=0.001, help="For each real face: the fewer, the more swaps are missed."),
    ] = 1.0,
) -> None:
    """Score recordings, every frame of every face. All files go through one engine."""
    import asyncio

    from stream_guard.cli.failure import one_line
    from stream_guard.cli.score_output import ScoreOutput
    from stream_guard.config import Config

    with one_line():
        config = Config.make(
            engine=engine,
            precision=precision,
            model=model,
            threads=threads,
            max_faces=max_faces,
            false_alarms_per_hour=false_alarms_per_hour,
        )
        output = ScoreOutput(report or (), graph=graph, key=sign, moments=moments)
        failed = asyncio.run(_score(config, files, json, output, every))
    if failed:
        raise typer.Exit(1)


async def _score(config: Config, files: list[str], json: Path | None, output: ScoreOutput, every: int) -> int:
    """Score all files; returns how many could not be."""
    from contextlib import ExitStack

    from rich.console import Console
    from rich.table import Table

    from stream_guard.app import Runtime
    from stream_guard.cli.progress import frame_progress
    from stream_guard.errors import StreamGuardError

    console = Console()
    table = Table("file", "verdict", "authenticity", "faces", "frames", "scored")
    failed = 0
    with ExitStack() as stack:
        lines = stack.enter_context(_open(json)) if json else None
        progress = stack.enter_context(frame_progress(Console(stderr=True)))
        async with Runtime(config) as runtime:
            for file in files:
                try:
                    record = output.record(runtime, file)
                    summary = await _score_file(runtime, file, lines, record, progress, every)
                except StreamGuardError as error:
                    failed += 1
                    _complain(progress, str(error))
                    continue
                if "error" in summary:
                    failed += 1
                    _complain(progress, summary["error"])
                table.add_row(*_row(summary))
                if record is not None:
                    await output.add(record, file, summary)
            await output.write(runtime, config, every)
    if table.row_count:
        console.print(table)
    output.print_graph()
    return failed


async def _score_file(
    runtime: Runtime, file: str, lines: TextIO | None, record: SessionRecord | None, progress: Progress, every: int
) -> dict[str, Any]:
    """Score one file, writing its lines; returns its summary, with ``error`` where the file broke off."""
    import asyncio
    import json
    from contextlib import aclosing
    from dataclasses import asdict

    from stream_guard.errors import ConfigError, SourceError
    from stream_guard.pipeline.observers import Scored, SessionInfo
    from stream_guard.protocol.codec import face_report
    from stream_guard.sources.registry import open_source

    source = await asyncio.to_thread(open_source, file)
    if source.live:
        raise ConfigError(f"{source.name} is live; score reads recordings, `serve --source` watches live streams")
    scorer = runtime.scorer(live=False)
    info = SessionInfo(id=file, kind=source.kind, label=source.name, live=source.live)
    pipeline = runtime.pipeline(info, source, scorer=scorer, every=every)
    bar = progress.add_task(source.name, total=None)
    broken = ""
    try:
        async with aclosing(pipeline.results()) as results:
            async for result in results:
                if not isinstance(result, Scored):
                    continue
                progress.update(bar, completed=result.frame.sequence + 1, total=source.frames)
                if record is not None:
                    record.received(result.frame, 0)
                    record.scored(result)
                for face in result.update.faces if lines else ():
                    report = face_report(face).model_dump(mode="json")
                    line = {"file": file, "frame": result.frame.sequence, "t": round(result.at_s, 3), **report}
                    print(json.dumps(line), file=lines)
    except SourceError as error:
        broken = str(error)
        if not scorer.summary().frames:
            raise
    finally:
        progress.remove_task(bar)
    summary = {"type": "summary", "file": file, **asdict(scorer.summary())}
    if broken:
        summary["error"] = broken
    if lines:
        print(json.dumps(summary), file=lines)
    return summary


def _open(path: Path) -> TextIO:
    """Open a file to write, before any work is done for it."""
    from stream_guard.errors import ConfigError

    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _row(summary: dict[str, Any]) -> list[str]:
    """Return a file's line of the table."""
    from rich.markup import escape

    from stream_guard.errors import printable

    verdict = str(summary["state"]).replace("_", " ")
    if not summary["faces"]:
        verdict += ": no face found"
    value = summary["authenticity"]
    counts = [str(summary[key]) for key in ("faces", "frames", "scored")]
    name = escape(printable(Path(summary["file"]).name))
    return [name, verdict, "-" if value is None else f"{value:.2f}", *counts]


def _complain(progress: Progress, error: str) -> None:
    progress.console.print(f"stream-guard: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
