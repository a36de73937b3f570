"""``stream-guard serve``: the server for live calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stream_guard.config import Config

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; a wider one needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 8765,
    source: Annotated[
        list[str] | None, typer.Option(help="URL to pull from the start; may be given several times.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Inference engine; see `stream-guard engines list`.")] = "auto",
    model: Annotated[Path | None, typer.Option(help="ONNX file of your own, its manifest beside it.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads for inference; 0 lets the engine decide.")] = 0,
    budget_ms: Annotated[float, typer.Option(help="Latency budget of a frame, in milliseconds.")] = 33.0,
    false_alarms_per_hour: Annotated[
        float,
        typer.Option(min=0.001, help="For each real face: the fewer, the more swaps are missed."),
    ] = 1.0,
    max_faces: Annotated[int, typer.Option(help="Faces followed in one stream.")] = 25,
    max_sessions: Annotated[int, typer.Option(help="Streams at a time.")] = 16,
    token: Annotated[
        str | None, typer.Option(envvar="STREAM_GUARD_TOKEN", help="Token that clients must show.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A further web origin that may reach the server.")
    ] = None,
) -> None:
    """Watch live calls: open the address it prints, and share the call's window."""
    import asyncio

    from stream_guard.cli.failure import one_line
    from stream_guard.config import Config

    with one_line():
        config = Config.make(
            host=host,
            port=port,
            token=token,
            origins=tuple(allow_origin or ()),
            sources=tuple(source or ()),
            engine=engine,
            model=model,
            threads=threads,
            budget_ms=budget_ms,
            max_faces=max_faces,
            max_sessions=max_sessions,
            false_alarms_per_hour=false_alarms_per_hour,
        )
        asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    """Run the server until a signal comes."""
    import asyncio
    import logging
    import signal
    from contextlib import AsyncExitStack, suppress
    from urllib.parse import quote

    from rich.console import Console
    from rich.logging import RichHandler

    from stream_guard.app import Service
    from stream_guard.config import is_loopback

    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[RichHandler(show_path=False)])
    for noisy in ("aiortc", "aioice", "httpx", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    console = Console()
    async with AsyncExitStack() as stack:
        with console.status("loading the model…"):
            service = await stack.enter_async_context(Service(config))
        hello = service.hello
        console.print(
            f"[bold]stream-guard[/] on [bold]{hello.engine}[/] ({hello.device}), model {hello.model.name}"
        )
        key = f"?token={quote(config.token)}" if config.token else ""
        console.print(f"  share a call   {service.url}/{key}", soft_wrap=True)
        console.print(f"  overlay        {service.url}/overlay{key}", soft_wrap=True)
        console.print(f"  dashboard      {service.url}/dashboard{key}", soft_wrap=True)
        console.print(f"  WHIP           {service.url}/whip" + (" (bearer token)" if key else ""))
        if is_loopback(config.host):
            console.print("Nothing leaves this machine.")
        console.print("Ctrl+C ends it.")
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        signals = (signal.SIGINT, signal.SIGTERM)

        def end() -> None:
            ended.set()
            for number in signals:
                loop.remove_signal_handler(number)  # a second one does not wait for the goodbyes

        for number in signals:
            with suppress(NotImplementedError):  # Windows: there asyncio itself turns Ctrl+C into the end
                loop.add_signal_handler(number, end)
        await ended.wait()
