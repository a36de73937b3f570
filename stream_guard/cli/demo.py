"""``stream-guard demo``: a self-made call in which a face swap begins, judged by the real pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stream_guard.cli.demo_call import Outcome
    from stream_guard.config import Config

__all__ = ["demo"]


def demo(
    seconds: Annotated[float, typer.Option(min=8, help="Length of the call; the swap begins half-way.")] = 20.0,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    engine: Annotated[str, typer.Option(help="Inference engine; see `stream-guard engines list`.")] = "auto",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 0,
    budget_ms: Annotated[float, typer.Option(help="Latency budget of a frame, in milliseconds.")] = 33.0,
    codec: Annotated[str, typer.Option(help="VP8 or H264.")] = "VP8",
) -> None:
    """Play a call over real WebRTC; a face swap begins half-way.

    Exit code 0 only if the swap was flagged, and not before it began.
    """
    import asyncio

    from stream_guard.cli.failure import one_line
    from stream_guard.config import Config

    with one_line():
        config = Config.make(port=port, engine=engine, budget_ms=budget_ms)
        outcome = asyncio.run(_demo(config, seconds, codec=codec.upper(), headless=headless))
    if not outcome.passed:
        raise typer.Exit(1)


async def _demo(config: Config, seconds: float, *, codec: str, headless: bool) -> Outcome:
    from rich.console import Console
    from rich.live import Live

    from stream_guard.app import Service
    from stream_guard.cli.browser import open_page
    from stream_guard.cli.demo_call import follow_call
    from stream_guard.cli.demo_table import draw

    console = Console()
    console.print("Loading the model…", end="\r")
    async with Service(config) as service:
        overlay = f"{service.url}/overlay?boxes=1"
        console.print(f"Engine [bold]{service.hello.engine}[/], model {service.hello.model.name}")
        console.print(f"Overlay    {overlay}\nDashboard  {service.url}/dashboard\n")
        if not headless:
            open_page(f"{service.url}/dashboard")
        with Live(console=console, refresh_per_second=8, transient=not console.is_terminal) as live:
            outcome = await follow_call(
                service.url, seconds=seconds, codec=codec, show=lambda call: live.update(draw(call))
            )
    console.print(outcome.in_words(), style="green" if outcome.passed else "red")
    return outcome
