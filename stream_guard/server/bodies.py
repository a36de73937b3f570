"""Reads the small bodies of requests, and no more than that."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

__all__ = ["BodyTooLong", "read_body"]


class BodyTooLong(Exception):
    """The body is longer, or takes longer, than anything we ask for."""


async def read_body(request: Request, *, limit: int = 4096, limit_s: float = 10.0) -> bytes:
    """Return a request's body.

    Args:
        request: not read yet.
        limit: in bytes.
        limit_s: how long it may take to come, in seconds.

    Raises:
        BodyTooLong: it is over a limit, or the client went away.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise BodyTooLong
    except (TimeoutError, ClientDisconnect):
        raise BodyTooLong from None
    return bytes(body)
