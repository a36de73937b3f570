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
    precision: Annotated[str, typer.Option(help="What it computes in: auto, fp32, fp16, bf16 or int8.")] = "auto",
    model: Annotated[Path | None, typer.Option(help="ONNX file of your own, its manifest beside it.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads for inference; 0 lets the engine decide.")] = 0,
    budget_ms: Annotated[float, typer.Option(help="Latency budget of a frame, in milliseconds.")] = 33.0,
    false_alarms_per_hour: Annotated[
        float,
        typer.Option(min=0.001, help="For each real face: the fewer, the more swaps are missed."),
    ] = 1.0,
    max_faces: Annotated[int, typer.Option(help="Faces followed in one stream.")] = 25,
    max_sessions: Annotated[int, typer.Option(help="Streams at a time.")] = 16,
    max_sessions_per_client: Annotated[
        int | None,
        typer.Option(help="Streams at a time from one address; a quarter of the above where others may come."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="STREAM_GUARD_TOKEN", help="Token that opens everything.")
    ] = None,
    send_token: Annotated[
        str | None, typer.Option(envvar="STREAM_GUARD_SEND_TOKEN", help="Token that may send a stream, no more.")
    ] = None,
    watch_token: Annotated[
        str | None, typer.Option(envvar="STREAM_GUARD_WATCH_TOKEN", help="Token that may read scores, no more.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM file with a certificate: serves https and wss.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, where that is not in the same file.")] = None,
    stun: Annotated[
        str, typer.Option(metavar="stun:HOST:PORT", help="STUN server, for calls from behind routers.")
    ] = "",
    turn: Annotated[
        str, typer.Option(metavar="turn:HOST:PORT", help="TURN server; ?transport=tcp and turns: work, too.")
    ] = "",
    turn_user: Annotated[str, typer.Option(envvar="STREAM_GUARD_TURN_USER", help="User name there.")] = "",
    turn_password: Annotated[str, typer.Option(envvar="STREAM_GUARD_TURN_PASSWORD", help="And password.")] = "",
    relay_only: Annotated[
        bool, typer.Option("--relay-only", help="Let media come through the TURN server only.")
    ] = False,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|auto",
            help="Keep events and scores in this folder (auto: your data folder); see `stream-guard sessions`.",
        ),
    ] = None,
    journal_days: Annotated[float, typer.Option(help="Sessions older than this are deleted.")] = 30.0,
    journal_mb: Annotated[
        int, typer.Option(help="Of all kept sessions together; beyond it the oldest are deleted.")
    ] = 1024,
    keep_evidence: Annotated[
        bool, typer.Option("--keep-evidence", help="Keep the face, too, at the moment an alarm is raised.")
    ] = False,
    moments: Annotated[
        bool,
        typer.Option("--moments/--no-moments", help="Keep pictures of telling moments in memory, for reports."),
    ] = True,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A further web origin that may reach the server.")
    ] = None,
) -> None:
    """Watch live calls: open the address it prints, and share the call's window."""
    import asyncio

    from stream_guard.cli.failure import one_line
    from stream_guard.config import Config
    from stream_guard.recording.archive import data_dir

    with one_line():
        config = Config.make(
            host=host,
            port=port,
            token=token,
            send_token=send_token,
            watch_token=watch_token,
            tls_cert=tls_cert,
            tls_key=tls_key,
            stun=stun,
            turn=turn,
            turn_user=turn_user,
            turn_password=turn_password,
            relay_only=relay_only,
            journal=data_dir() if journal == "auto" else journal,
            journal_days=journal_days,
            journal_mb=journal_mb,
            keep_evidence=keep_evidence,
            moments=moments,
            origins=tuple(allow_origin or ()),
            sources=tuple(source or ()),
            engine=engine,
            precision=precision,
            model=model,
            threads=threads,
            budget_ms=budget_ms,
            max_faces=max_faces,
            max_sessions=max_sessions,
            max_sessions_per_client=max_sessions_per_client,
            false_alarms_per_hour=false_alarms_per_hour,
        )
        asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    """Run the server until a signal comes."""
    import logging
    from contextlib import AsyncExitStack
    from urllib.parse import quote

    from rich.console import Console
    from rich.logging import RichHandler
    from rich.markup import escape

    from stream_guard.app import Service
    from stream_guard.cli.ending import told_to_end
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
            f"[bold]stream-guard[/] on [bold]{hello.engine}[/] ({hello.device}), model {escape(hello.model.name)}"
        )
        # Where nobody looks on, this is a log, and no log holds a token.
        key = f"#token={quote(config.token)}" if config.token and console.is_terminal else ""
        console.print(f"  share a call   {service.url}/{key}", soft_wrap=True)
        console.print(f"  overlay        {service.url}/overlay{key}", soft_wrap=True)
        console.print(f"  dashboard      {service.url}/dashboard{key}", soft_wrap=True)
        console.print(f"  WHIP           {service.url}/whip" + (" (bearer token)" if config.has_token else ""))
        if config.has_token and not key:
            console.print("Add #token= and the token to the pages' addresses.")
        if is_loopback(config.host) and not (config.stun or config.turn):
            console.print("Nothing leaves this machine.")
        elif config.exposed:
            console.print(
                "[bold yellow]Without TLS[/] tokens and scores can be read on the way, and browsers give such "
                "pages neither camera nor screen: add --tls-cert and --tls-key, or put a TLS proxy in front.",
            )
        if config.journal is not None:
            what = "Events, scores and faces at alarms" if config.keep_evidence else "Events and scores"
            kept = f"{what} are kept in {config.journal} for {config.journal_days:g} days."
            console.print(kept, soft_wrap=True, markup=False)
        console.print("Ctrl+C ends it.")
        await told_to_end()
