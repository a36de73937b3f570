"""``stream-guard bench load``: how many calls this machine holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_guard.cli import bench_options as options

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from stream_guard.bench.load import Bound
    from stream_guard.bench.sender import Plan

__all__ = ["load"]


def load(
    clip: options.Clip = None,
    p95: Annotated[float, typer.Option(min=1, help="Glass to score that must hold, in milliseconds.")] = 150.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Scores a second and face that must hold.")] = 10.0,
    most: Annotated[int, typer.Option(min=1, max=64, help="Sessions at most.")] = 16,
    seconds: Annotated[float, typer.Option(min=1, help="How long each number of sessions is watched.")] = 10.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before, which do not count.")] = 4.0,
    codec: options.Codec = "VP8",
    size: options.Size = "1280x720",
    fps: options.Fps = 30,
    kbps: options.Kbps = 2500,
    faces: options.Faces = 1,
    engine: options.Engine = "auto",
    crowd: Annotated[
        int, typer.Option(min=0, help="Slow, stalled and vanishing clients of each kind beside one session.")
    ] = 4,
    json: options.Json = None,
    plot: options.Plot = None,
    compare: options.Compare = None,
) -> None:
    """Add calls until the bound breaks: glass to score too late, or faces scored too rarely.

    The calls are encoded beforehand, so that the senders take next to nothing from the server.
    """
    from stream_guard.cli.failure import one_line

    with one_line():
        from stream_guard.bench.clip import Shape, named_codec, parse_size
        from stream_guard.bench.load import Bound
        from stream_guard.bench.sender import Plan

        width, height = parse_size(size)
        plan = Plan(shape=Shape(width, height, fps, faces), codec=named_codec(codec), kbps=kbps, encoded=True)
        _measure(clip, plan, Bound(p95, rate), most, engine, (seconds, warm_up), crowd, json, plot, compare)


def _measure(
    clip: Path | None,
    plan: Plan,
    bound: Bound,
    most: int,
    engine: str,
    times: tuple[float, float],
    crowd: int,
    json: Path | None,
    plot: Path | None,
    compare: Path | None,
) -> None:
    from dataclasses import asdict
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from stream_guard.bench import results
    from stream_guard.bench.plot import draw_load
    from stream_guard.cli.bench_result import conclude
    from stream_guard.cli.progress import second_progress

    console = Console()
    settings = {**asdict(plan), **asdict(bound), "wanted": engine, "seconds": times[0], "crowd": crowd}
    settings["clip"] = clip.name if clip else "made"
    earlier = results.load(compare) if compare else None
    with TemporaryDirectory() as folder, second_progress(console) as progress:
        steps, beside = _run(clip, Path(folder), plan, bound, most, engine, times, crowd, progress)
    held = sum(bool(one["held"]) for one in steps)
    figures: dict[str, Any] = {"sessions_held": held, "steps": {str(one["sessions"]): one for one in steps}}
    if beside is not None:
        figures["beside_a_crowd"] = beside
    contents = results.result("load", settings, figures)
    console.print(_table(steps, beside))
    console.print(
        f"[bold]{held}[/] sessions hold (p95 of {bound.p95_ms:g} ms, {bound.rate:g} scores a second and face)"
        + ("; more were not tried" if held == most else "")
    )
    conclude(console, contents, json=json, earlier=earlier)
    if plot is not None:  # after the file, which is what the time was spent on
        plot.parent.mkdir(parents=True, exist_ok=True)
        draw_load(plot, steps, asdict(bound))


def _run(
    clip: Path | None,
    folder: Path,
    plan: Plan,
    bound: Bound,
    most: int,
    engine: str,
    times: tuple[float, float],
    crowd: int,
    progress: Progress,
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Encode, climb, and then one session once more beside clients that misbehave."""
    import asyncio

    from stream_guard.bench.crowd import crowd as clients
    from stream_guard.bench.load import climb, step
    from stream_guard.bench.run import play
    from stream_guard.cli.bench_clip import encoded

    seconds, warm_up = times
    packets = encoded(clip, folder, plan, progress)
    task = progress.add_task("1 session", total=seconds + warm_up)

    def tick(passed: float) -> None:
        progress.update(task, completed=passed)

    def told(figures: Mapping[str, Any]) -> None:
        progress.update(task, description=f"{figures['sessions'] + 1} sessions")

    async def run() -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
        settings: dict[str, object] = {"engine": engine}
        steps = await climb(
            packets,
            plan,
            bound=bound,
            most=most,
            seconds=seconds,
            warm_up_s=warm_up,
            settings=settings,
            told=told,
            tick=tick,
        )
        if not crowd:
            return steps, None
        progress.update(task, description="beside a crowd")
        record = await play(
            packets, plan, seconds=seconds, warm_up_s=warm_up, settings=settings, tick=tick, beside=clients(crowd)
        )
        return steps, step(record, faces=plan.shape.faces, bound=bound)

    return asyncio.run(run())


def _table(steps: Sequence[Mapping[str, Any]], beside: Mapping[str, Any] | None) -> Table:
    from rich.table import Table

    table = Table(
        *(
            "sessions",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "scores/s and face",
            "server, cores",
            "MiB",
            "dropped",
            "holds",
        ),
        box=None,
        header_style="bold",
    )
    rows = [(str(one["sessions"]), one) for one in steps]
    if beside is not None:
        rows.append(("1 in a crowd", beside))
    for name, one in rows:
        told = one["glass_to_score_ms"]
        table.add_row(
            name,
            *(f"{told[share]:.0f}" if told else "" for share in ("p50", "p95", "p99")),
            f"{one['scores_a_second_and_face']:.1f}",
            f"{one['cores']:.2f}",
            str(one["memory_mib"]),
            ", ".join(f"{count} {cause}" for cause, count in one["dropped"].items()),
            "[green]yes[/]" if one["held"] else "[red]no[/]",
        )
    return table
