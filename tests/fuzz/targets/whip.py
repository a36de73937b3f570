"""Whole requests to the WHIP endpoint, several a run: the gate, `stream_guard.server.whip`, aiortc's parser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stream_guard.server.site import build_site
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.testing.clock import ManualClock
from tests.fuzz.target import Run, Target
from tests.fuzz.targets.client import HELLO
from tests.fuzz.targets.offers import FRAGMENT, OFFER, WORDS
from tests.fuzz.targets.offline import offline

_NEXT = b"\n====\n"
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""What a header's name may be (RFC 9110, section 5.6.2); a server lets nothing else through to us."""

_STATUS = {200, 201, 204, 400, 403, 404, 405, 406, 408, 412, 413, 415, 421, 422, 428, 429, 503}


class _Site:
    """The site, and requests to it without a network."""

    def __init__(self) -> None:
        from stream_guard.server.hub import Hub

        async def start(source: Source) -> str:
            self._sources.append(source)
            return "c1"

        self._sources: list[Source] = []
        endpoint = WhipEndpoint(start, max_sessions=4, loopback_only=True)
        self._app = build_site(Hub(HELLO, clock=ManualClock()), endpoint.routes, host="127.0.0.1")
        self._endpoint = endpoint

    async def take(self, data: bytes) -> None:
        """Ask everything of one input, then hang up; nothing may be left."""
        location = b"/whip/none"
        before = asyncio.all_tasks()
        for request in data.split(_NEXT)[:4]:
            headers = await self._ask(request.replace(b"/whip/LAST", location))
            location = headers.get(b"location", location)
        await self._endpoint.close()
        for source in self._sources:
            await source.close()
        self._sources.clear()
        assert not self._endpoint.sessions
        for _ in range(20):
            if asyncio.all_tasks() <= before:
                return
            await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _ask(self, request: bytes) -> dict[bytes, bytes]:
        head, _, body = request.partition(b"\n\n")
        line, *lines = head.split(b"\n")
        method, _, path = line.partition(b" ")
        headers = [(b"host", b"127.0.0.1:8765")]
        for one in lines:
            name, colon, value = one.partition(b":")
            if colon and _TOKEN.fullmatch(name):
                headers.append((name.lower(), value.strip()))
        target, _, query = path.decode("latin-1").partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": method.decode("latin-1").upper(),
            "scheme": "http",
            "path": target,
            "raw_path": path,
            "query_string": query.encode("latin-1"),
            "headers": headers,
            "server": ("127.0.0.1", 8765),
            "client": ("127.0.0.1", 50000),
            "root_path": "",
        }
        bodies = iter([body[:1000], body[1000:]])
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            piece = next(bodies, None)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": piece is not body[1000:]}

        async def send(message: Any) -> None:
            answer.append(message)

        await self._app(scope, receive, send)
        assert answer[0]["type"] == "http.response.start"
        on_whip = target == "/whip" or target.startswith("/whip/")
        assert not on_whip or answer[0]["status"] in _STATUS | {307}, answer[0]["status"]
        text = b"".join(message.get("body", b"") for message in answer[1:])
        if on_whip and answer[0]["status"] >= 400:
            assert len(text) < 600
            assert text.decode().strip().isprintable()
        return dict(answer[0]["headers"])


@contextmanager
def opened() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    site = _Site()
    with offline():
        try:
            yield lambda data: loop.run_until_complete(site.take(data))
        finally:
            loop.close()


_POST = b"POST /whip\ncontent-type: application/sdp\n\n"
_PATCH = b"PATCH /whip/LAST\ncontent-type: application/trickle-ice-sdpfrag\nif-match: *\n\n"

TARGET = Target(
    "whip",
    opened,
    (
        _POST + OFFER,
        _POST + OFFER + _NEXT + _PATCH + FRAGMENT + _NEXT + b"DELETE /whip/LAST\n\n",
        b"OPTIONS /whip\norigin: https://evil.example\n\n",
        b"GET /whip\n\n" + _NEXT + b"PUT /whip/x\n\n",
    ),
    (
        *("stream_guard.server.whip", "stream_guard.sources.webrtc", "stream_guard.sources.sdp"),
        *("stream_guard.server.auth", "stream_guard.sources.decoding", "stream_guard.sources.datagrams"),
    ),
    (
        *WORDS,
        _NEXT,
        b"origin: ",
        b"host: ",
        b"sec-fetch-site: cross-site",
        b"if-match: ",
        b"authorization: Bearer x",
    ),
)
