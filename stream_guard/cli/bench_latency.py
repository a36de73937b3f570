"""``stream-guard bench latency``: from a picture before the camera to its scores, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_guard.cli import bench_options as options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stream_guard.bench.record import Record
    from stream_guard.bench.sender import Plan

__all__ = ["latency"]


def latency(
    clip: options.Clip = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long frames count.")] = 20.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before, which do not.")] = 3.0,
    codec: options.Codec = "VP8",
    size: options.Size = "1280x720",
    fps: options.Fps = 30,
    kbps: options.Kbps = 2500,
    loss: Annotated[float, typer.Option(min=0, max=90, help="Percent of the media's packets.")] = 0.0,
    delay: Annotated[float, typer.Option(min=0, help="Of the network, one way, in milliseconds.")] = 0.0,
    jitter: Annotated[
        float, typer.Option(min=0, help="Added to it, evenly from 0 to this, in milliseconds.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of losses and jitter.")] = 1,
    faces: options.Faces = 1,
    engine: options.Engine = "auto",
    floor: Annotated[bool, typer.Option(help="Measure the parts alone, too.")] = True,
    json: options.Json = None,
    plot: options.Plot = None,
    compare: options.Compare = None,
) -> None:
    """Play a clip over real WebRTC into a server and measure each frame from capture to score.

    Every picture bears its number in a strip that survives the codec, so that capture and score belong together
    beyond doubt; the score counts when a websocket client has it. Server and sender are processes of their own.
    """
    from stream_guard.cli.failure import one_line

    with one_line():
        from stream_guard.bench.clip import Shape, named_codec, parse_size
        from stream_guard.bench.relay import Impairment
        from stream_guard.bench.sender import Plan

        width, height = parse_size(size)
        plan = Plan(
            shape=Shape(width, height, fps, faces),
            codec=named_codec(codec),
            kbps=kbps,
            impairment=Impairment(loss / 100, delay, jitter, seed),
        )
        _measure(clip, plan, engine, seconds, warm_up, floor=floor, json=json, plot=plot, compare=compare)


def _measure(
    clip: Path | None,
    plan: Plan,
    engine: str,
    seconds: float,
    warm_up: float,
    *,
    floor: bool,
    json: Path | None,
    plot: Path | None,
    compare: Path | None,
) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from stream_guard.bench import latency, results
    from stream_guard.bench.plot import draw_latency
    from stream_guard.cli.bench_result import conclude

    console = Console()
    settings = {**asdict(plan), "clip": clip.name if clip else "made", "wanted": engine, "seconds": seconds}
    earlier = results.load(compare) if compare else None
    record, figures = _run(console, clip, plan, engine, seconds, warm_up, floor=floor)
    contents = results.result("latency", settings, figures)
    console.print(_stage_table(figures), _facts_table(figures))
    conclude(console, contents, json=json, earlier=earlier)
    if plot is not None:  # after the file, which is what the time was spent on
        plot.parent.mkdir(parents=True, exist_ok=True)
        draw_latency(plot, latency.flights(record, next(iter(record.sessions.values()))), figures)


def _run(
    console: Console, clip: Path | None, plan: Plan, engine: str, seconds: float, warm_up: float, *, floor: bool
) -> tuple[Record, dict[str, Any]]:
    import asyncio
    from dataclasses import asdict
    from tempfile import TemporaryDirectory

    from stream_guard.bench import floor as parts_alone
    from stream_guard.bench import latency
    from stream_guard.bench.run import play
    from stream_guard.cli.bench_clip import prepared
    from stream_guard.cli.progress import second_progress

    with TemporaryDirectory() as folder, second_progress(console) as progress:
        path = prepared(clip, Path(folder), plan.shape, progress)
        task = progress.add_task("playing", total=warm_up + seconds)
        record = asyncio.run(
            play(
                path,
                plan,
                seconds=seconds,
                warm_up_s=warm_up,
                settings={"engine": engine},
                tick=lambda passed: progress.update(task, completed=passed),
            )
        )
        figures: dict[str, Any] = latency.figures(record, faces=plan.shape.faces)
        if floor:
            progress.update(task, description="the parts alone", total=None)
            alone = parts_alone.parts(path, plan.shape, codec=plan.codec, kbps=plan.kbps, engine=record.engine)
            figures["floor_cpu_ms"] = asdict(alone)
            figures |= parts_alone.efficiency(alone, figures, record.server.cpu_s)
    return record, figures


def _stage_table(figures: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("stage", "share", "mean", "p50", "p95", "p99", "max", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, told in figures["stages_ms"].items():
        row = [f"{told[name]:.1f}" for name in ("mean", "p50", "p95", "p99", "max")]
        table.add_row(stage, f"{told['share']:.0%}", *row)
    whole = figures["glass_to_score_ms"]
    if whole:
        row = [f"{whole[name]:.1f}" for name in ("p50", "p95", "p99", "max")]
        table.add_row("glass to score, ms", "", "", *row, style="bold")
    return table


def _facts_table(figures: Mapping[str, Any]) -> Table:
    from rich.table import Table

    frames, server = figures["frames"], figures["server"]
    dropped = ", ".join(f"{count} {cause}" for cause, count in frames["dropped"].items()) or "none"
    table = Table(box=None, show_header=False)
    table.add_row("engine, model", f"{figures['engine']}, {figures['model']}")
    table.add_row(
        "frames",
        f"{frames['sent']} sent, {frames['decoded']} decoded, {frames['admitted']} admitted, "
        f"{frames['scored']} scored; dropped: {dropped}; not decoded: {frames['not decoded']}",
    )
    faces = figures["faces"]
    told = f"{faces['scores_a_second']}"
    if len(faces["by_face"]) > 1:
        told = f"{faces['worst_face']} of the face that fared worst, {told} of all {len(faces['by_face'])} together"
    table.add_row("scores a second", told)
    table.add_row(
        "server",
        f"{server['cpu_ms_a_frame_scored']} ms of processor time a scored frame, {server['cores']:.0%} of a core, "
        f"{server['memory_mib']} MiB, {server['threads']} threads, ready after {figures['ready_s']} s",
    )
    table.add_row("sender", f"{figures['sender']['cores']:.0%} of a core")
    if "floor_cpu_ms" in figures:
        alone = ", ".join(f"{part} {cost:.2f}" for part, cost in figures["floor_cpu_ms"].items())
        table.add_row("parts alone, ms of processor time", alone)
        table.add_row(
            "efficiency", f"{figures['efficiency']} (with the face finder's searches {figures['with_finder']})"
        )
    return table
