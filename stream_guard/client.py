"""The Python client of ``/ws``: what any other program needs to follow the scores.

::

    from stream_guard import client

    async for scores in client.scores("ws://127.0.0.1:8765"):
        for face in scores.faces:
            print(face.id, face.state, face.authenticity)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from stream_guard.errors import ConnectionRefused, ProtocolError
from stream_guard.protocol.codec import decode_server, is_known
from stream_guard.protocol.messages import Event, Scores, ServerMessage, Subscribe

__all__ = ["ConnectionRefused", "events", "messages", "scores"]

_WRONG_TOKEN = 4401
"""Closing code of a server that wants another token."""

MessageType = Literal["scores", "event", "stats", "session", "fault", "challenge", "rehearsal"]


async def messages(
    url: str,
    *,
    sessions: Sequence[str] | None = None,
    types: Sequence[MessageType] | None = None,
    max_rate: float | None = None,
    token: str | None = None,
    reconnect: bool = True,
) -> AsyncGenerator[ServerMessage, None]:
    """Yield every message, `Hello` first; after a lost connection, connect again and yield `Hello` again.

    Args:
        url: of the server, such as ``ws://127.0.0.1:8765`` or ``http://127.0.0.1:8765``; the path is ours.
        sessions: ids to follow; None is all.
        types: message types wanted; None is all.
        max_rate: scores messages a second and session at most.
        token: of a server that wants one.
        reconnect: False ends the iteration when the connection is lost, instead of trying again.

    Raises:
        ConnectionRefused: the first attempt failed, or the server refuses us (wrong token).
        ProtocolError: the server sends what is not ours.
    """
    wish = Subscribe(
        sessions=tuple(sessions) if sessions is not None else None,
        types=tuple(types) if types is not None else None,
        max_rate=max_rate,
    )
    attempt = 0
    reached = False
    while True:
        try:
            async with connect(
                _address(url),
                additional_headers={"Authorization": f"Bearer {token}"} if token else None,
                max_size=1 << 20,
                max_queue=4,  # the server keeps the newest for us; old scores must not pile up here
                open_timeout=5,
                proxy=None,
            ) as socket:
                reached, attempt = True, 0
                await socket.send(wish.model_dump_json())
                async for text in socket:
                    if isinstance(text, bytes):
                        raise ProtocolError("the server sent bytes; stream-guard speaks text")
                    message = _read(text)
                    if message is not None:
                        yield message
        except InvalidStatus as error:
            status = error.response.status_code
            if reached and reconnect and status >= 500:
                continue  # it is being started again
            hint = ": give the right token" if status in (401, 403) else ""
            raise ConnectionRefused(f"the server at {_shown(url)} answered {status}{hint}") from error
        except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == _WRONG_TOKEN:
                raise ConnectionRefused(f"the server at {_shown(url)} refuses: give the right token") from error
            if not reached:
                raise ConnectionRefused(f"nothing answers at {_shown(url)}: {error}") from error
        if not reconnect:
            return
        await asyncio.sleep(min(5.0, 0.25 * 2**attempt) * random.uniform(0.8, 1.2))
        attempt += 1


async def scores(
    url: str,
    *,
    sessions: Sequence[str] | None = None,
    max_rate: float | None = None,
    token: str | None = None,
    reconnect: bool = True,
) -> AsyncGenerator[Scores, None]:
    """Yield the scores as they come; a slow reader gets the newest. Arguments and errors as `messages`."""
    stream = messages(url, sessions=sessions, types=["scores"], max_rate=max_rate, token=token, reconnect=reconnect)
    async with aclosing(stream):
        async for message in stream:
            if isinstance(message, Scores):
                yield message


async def events(
    url: str, *, sessions: Sequence[str] | None = None, token: str | None = None, reconnect: bool = True
) -> AsyncGenerator[Event, None]:
    """Yield the events: alarms, changes of state, faces coming and going. None is left out."""
    async with aclosing(
        messages(url, sessions=sessions, types=["event"], token=token, reconnect=reconnect)
    ) as stream:
        async for message in stream:
            if isinstance(message, Event):
                yield message


def _read(text: str) -> ServerMessage | None:
    """Return a message; None where it is of a type that only a newer server knows."""
    try:
        return decode_server(text)
    except ProtocolError:
        if is_known(text):
            raise
        return None


def _address(url: str) -> str:
    """Return the websocket's address on the server that ``url`` names."""
    parts = urlsplit(url if "//" in url else f"//{url}", scheme="ws")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path if parts.path.endswith("/ws") else parts.path.rstrip("/") + "/ws"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def _shown(url: str) -> str:
    """Return a URL without what must not be seen: user, password, token."""
    scheme, slashes, rest = url.partition("?")[0].rpartition("//")
    return scheme + slashes + rest.rpartition("@")[2]
