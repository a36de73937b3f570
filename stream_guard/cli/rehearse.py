"""``stream-guard rehearse``: a labelled test swap in a running server's session, and whether it was noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from stream_guard.protocol.messages import Rehearsal

__all__ = ["play", "rehearse"]

_POLL_S = 0.5

_PATIENCE_S = 20.0
"""How much longer than the rehearsal itself its end may take to come."""


def rehearse(
    url: Annotated[str, typer.Argument(help="Of the running server.")] = "http://127.0.0.1:8765",
    session: Annotated[
        str | None, typer.Option(help="Which session shows your own camera; may be left out where one runs.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=3, max=30, help="For how long the swap is shown.")] = 8.0,
    token: Annotated[
        str | None, typer.Option(envvar="STREAM_GUARD_TOKEN", help="The token that opens everything.")
    ] = None,
) -> None:
    """Swap your own face with a coarse copy of itself for some seconds, to see whether the detector is awake.

    Only for a session that shows your own camera. It counts as no alarm anywhere. Exit code 0 only if the swap was
    noticed.
    """
    import asyncio

    from rich.console import Console

    from stream_guard.cli.failure import one_line

    console = Console()
    with one_line():
        result = asyncio.run(_run(url, session, seconds, token))
    for line in result.words:
        console.print(line, markup=False)
    if result.alarmed_after_s is None:
        raise typer.Exit(1)


async def _run(url: str, session: str | None, length_s: float, token: str | None) -> Rehearsal:
    import httpx
    from rich.progress import Progress

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=10) as http:
        with Progress(transient=True) as bar:
            task = bar.add_task("REHEARSAL", total=length_s)
            return await play(
                http,
                session,
                length_s,
                show=lambda message: bar.update(task, completed=length_s - message.remaining_s),
            )


async def play(
    http: httpx.AsyncClient,
    session: str | None,
    length_s: float,
    *,
    show: Callable[[Rehearsal], None],
    poll_s: float = _POLL_S,
) -> Rehearsal:
    """Begin a rehearsal and wait for its end.

    Args:
        http: to the server, with the token if there is one.
        session: see `rehearse`.
        length_s: in seconds.
        show: is given each state of it.
        poll_s: how often it is asked for, in seconds.

    Returns:
        Its result.

    Raises:
        StreamGuardError: the server does not answer, refuses, or does not end it.
    """
    import asyncio

    import httpx as library

    from stream_guard.errors import StreamGuardError
    from stream_guard.protocol.messages import Rehearsal as Message

    try:
        async with asyncio.timeout(length_s + _PATIENCE_S):
            answer = await http.post("/api/rehearsal", json={"session": session, "seconds": length_s})
            if answer.status_code != 201:
                raise StreamGuardError(f"the server refuses: {answer.text.strip()[:200] or answer.status_code}")
            while True:
                message = Message.model_validate_json(answer.text)
                show(message)
                if message.state != "running":
                    return message
                await asyncio.sleep(poll_s)
                answer = await http.get("/api/rehearsal")
    except library.HTTPError as error:
        raise StreamGuardError(f"nothing answers at {http.base_url}: is `stream-guard serve` running?") from error
    except (TimeoutError, ValueError) as error:
        raise StreamGuardError("the server did not say how the rehearsal ended") from error
