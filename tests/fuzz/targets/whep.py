"""What a WHEP server answers: status, headers and body: `stream_guard.sources.whep`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx

from stream_guard.errors import SignallingError, SourceError
from stream_guard.sources import whep
from tests.fuzz.target import Run, Target, one_line
from tests.fuzz.targets.offers import OFFER, WORDS
from tests.fuzz.targets.offline import offline

_NEXT = b"\n====\n"
_URL = "whep://127.0.0.1:9/x?token=hush-hush"
_ANSWER = OFFER.replace(b"a=setup:actpass", b"a=setup:active").replace(b"a=end-of-candidates\r\n", b"")


class _Answers(httpx.AsyncBaseTransport):
    """Answers one response after the other, the last again and again."""

    def __init__(self, data: bytes) -> None:
        self._left = data.split(_NEXT)[:8]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert "hush" not in str(request.url)
        head, _, body = (self._left.pop(0) if len(self._left) > 1 else self._left[0]).partition(b"\n\n")
        status, *lines = head.split(b"\n")
        headers = []
        for line in lines:
            name, colon, value = line.partition(b":")
            if colon and name.isalnum():
                headers.append((name, value.strip()))
        code = int(status) if status.isdigit() and 200 <= int(status[:9]) < 600 else 201
        return httpx.Response(code, headers=headers, content=body)


async def _pull(data: bytes) -> None:
    real = httpx.AsyncClient

    def client(**options: Any) -> httpx.AsyncClient:
        return real(transport=_Answers(data), **options)

    async def resolved(host: str, port: int) -> list[Any]:
        return [whep_addresses.ipaddress.ip_address("127.0.0.1")]

    from stream_guard.sources import addresses as whep_addresses

    with (
        mock.patch.object(whep.httpx, "AsyncClient", client),
        mock.patch.object(whep_addresses, "_addresses", resolved),
    ):
        source = whep.WhepSource(_URL, loopback_only=True)
        try:
            await source.open()
        except (SignallingError, SourceError) as error:
            one_line(error, without=["hush"])
        finally:
            await source.close()


@contextmanager
def opened() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    with offline():
        try:
            yield lambda data: loop.run_until_complete(_pull(data))
        finally:
            loop.close()


TARGET = Target(
    "whep",
    opened,
    (
        b"201\nlocation: /s/1\ncontent-type: application/sdp\n\n" + _ANSWER,
        b"307\nlocation: http://127.0.0.1:9/y\n\n" + _NEXT + b"201\nlocation: ../s\n\n" + _ANSWER,
        b"401\ncontent-type: text/plain\n\nno\x1b[2J entry\nreally",
        b"308\nlocation: //[::1]:99999/\n\n",
    ),
    ("stream_guard.sources.whep", "stream_guard.sources.addresses"),
    (*WORDS, _NEXT, b"location: ", b"http://[", b"http://a:b:c/", b"file:///etc/passwd", b"content-encoding: gzip"),
)
