"""WHIP ingest (RFC 9725) as Starlette routes. Knows sources, not the pipeline.

=========================================  ======================================================
``POST /whip``                             201 with the answer, ``Location``, ``ETag``; see `WhipEndpoint`
``PATCH`` on the Location                  204: candidates added (section 4.3.2)
``DELETE`` on the Location                 200 the first time, 404 afterwards (section 4.2)
``OPTIONS`` on both                        200 with what is allowed
``GET``, ``HEAD``, ``PUT``, others         405, as section 4.1 asks for
=========================================  ======================================================
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.clock import Clock
from stream_guard.errors import SignallingError, StreamGuardError
from stream_guard.sources.base import Source
from stream_guard.sources.ice import IceSettings
from stream_guard.sources.webrtc import WebRtcSource

__all__ = ["WhipEndpoint"]

log = logging.getLogger(__name__)

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CORS = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Stream-Guard-Session",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class _Session:
    source: WebRtcSource
    client: str
    id: str
    etag: str


class WhipEndpoint:
    """Takes offers and turns each into a source.

    An offer is refused with a line of plain text: 400 no SDP, 406 no VP8 or H264 (or more than one video),
    408 too slow, 413 too large, 415 not ``application/sdp``, 422 no video, 429 (too many of one address) or 503,
    both with ``Retry-After``, when too many sessions run, ``start`` refuses, or media is to come through a TURN
    server that does not help.

    The session's URL is secret (128 random bits, as section 5 asks for): whoever knows it can end the session.
    What the rest of the program calls the session goes into ``Stream-Guard-Session``.
    """

    def __init__(
        self,
        start: Callable[[Source], Awaitable[str]],
        *,
        path: str = "/whip",
        max_sessions: int = 8,
        max_per_client: int | None = None,
        body_limit: int = 64 * 1024,
        body_limit_s: float = 10.0,
        loopback_only: bool = False,
        connect_limit_s: float = 15.0,
        ice: IceSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare the routes.

        Args:
            start: takes a source that is open and must be read and closed; returns the session's id. A
                `StreamGuardError` from it becomes the answer.
            path: of the endpoint.
            max_sessions: further offers get 503.
            max_per_client: further offers from one address get 429; None is no limit but the other.
            body_limit: largest body in bytes.
            body_limit_s: how long a body may take to come, in seconds.
            loopback_only: keep media on 127.0.0.1 too.
            connect_limit_s: how long media may take to connect after the answer, in seconds.
            ice: STUN and TURN servers; None asks none.
            clock: for the sources.
        """
        self._start = start
        self._max_sessions = max_sessions
        self._max_per_client = max_per_client
        self._body_limit = body_limit
        self._body_limit_s = body_limit_s
        self._loopback_only = loopback_only
        self._connect_limit_s = connect_limit_s
        self._ice = ice
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._negotiating: Counter[str] = Counter()
        self.routes = [
            Route(path, self._on_endpoint, methods=list(_METHODS)),
            Route(path + "/{secret}", self._on_session, methods=list(_METHODS)),
        ]

    @property
    def sessions(self) -> tuple[str, ...]:
        """Ids of the sessions that have not ended, oldest first."""
        return tuple(session.id for session in self._sessions.values())

    async def close(self) -> None:
        """Hang up on everybody."""
        for session in tuple(self._sessions.values()):
            await session.source.close()

    async def _on_endpoint(self, request: Request) -> Response:
        match request.method:
            case "POST":
                return await self._answered(self._create(request))
            case "OPTIONS":
                return _options("POST, OPTIONS", {"Accept-Post": _SDP})
        return _not_allowed("POST, OPTIONS", "send an SDP offer by POST")

    async def _on_session(self, request: Request) -> Response:
        match request.method:
            case "PATCH":
                return await self._answered(self._trickle(request))
            case "DELETE":
                return await self._answered(self._delete(request))
            case "OPTIONS":
                return _options("PATCH, DELETE, OPTIONS", {"Accept-Patch": _FRAGMENT})
        return _not_allowed("PATCH, DELETE, OPTIONS", "this is a WHIP session: PATCH or DELETE it")

    async def _answered(self, work: Awaitable[Response]) -> Response:
        """Return the response, or the refusal as one."""
        try:
            response = await work
        except SignallingError as error:
            response = PlainTextResponse(f"{error}\n", error.status)
            if error.status in {429, 503}:
                response.headers["Retry-After"] = "5"
            if error.status in {408, 413}:
                response.headers["Connection"] = "close"  # else the server reads on, to find the next request
        except ClientDisconnect:
            response = Response(status_code=400)
        for name, value in _CORS.items():
            response.headers.setdefault(name, value)
        return response

    async def _create(self, request: Request) -> Response:
        """Answer an offer (section 4.2)."""
        _expect_type(request, _SDP)
        client = request.client.host if request.client is not None else ""
        self._expect_room(client)
        offer = await self._body(request)
        self._expect_room(client)  # again: whoever sends slowly holds no place meanwhile
        self._negotiating[client] += 1
        try:
            source = WebRtcSource(
                offer,
                clock=self._clock,
                loopback_only=self._loopback_only,
                connect_limit_s=self._connect_limit_s,
                ice=self._ice,
            )
            await _opened(source)
            session = _Session(source, client, await self._hand_over(source), f'"{secrets.token_urlsafe(12)}"')
            secret = secrets.token_urlsafe(16)
            self._sessions[secret] = session
            source.when_closed(lambda: self._forget(secret))
        finally:
            self._negotiating -= Counter({client: 1})  # drops the key with the last
        log.info("session %s: an offer was accepted", session.id)
        headers = {
            "Location": f"{request.scope['path'].rstrip('/')}/{secret}",
            "ETag": session.etag,
            "Stream-Guard-Session": session.id,
        }
        return Response(source.answer_sdp, 201, headers, media_type=_SDP)

    async def _hand_over(self, source: WebRtcSource) -> str:
        try:
            return await self._start(source)
        except StreamGuardError as error:
            await source.close()
            raise SignallingError(503, str(error)) from error
        except BaseException:
            await source.close()
            raise

    async def _trickle(self, request: Request) -> Response:
        """Add candidates (section 4.3.2). Entity tags as section 4.3.1 asks for."""
        session = self._find(request)
        _expect_type(request, _FRAGMENT)
        tag = request.headers.get("If-Match")
        if tag is None:
            raise SignallingError(428, "say which ICE session this is for: If-Match with the ETag of the 201")
        if tag not in {"*", session.etag}:
            raise SignallingError(412, "that ICE session is not the current one")
        await session.source.add_candidates(await self._body(request))
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        """End a session (section 4.2). OBS wants exactly 200."""
        session = self._find(request)
        await session.source.close()
        log.info("session %s: the sender has ended it", session.id)
        return PlainTextResponse("ended\n")

    def _expect_room(self, client: str) -> None:
        if len(self._sessions) + self._negotiating.total() >= self._max_sessions:
            raise SignallingError(503, f"{self._max_sessions} calls are running, which is the limit; try later")
        if self._max_per_client is None:
            return
        theirs = sum(session.client == client for session in self._sessions.values())
        if theirs + self._negotiating[client] >= self._max_per_client:
            raise SignallingError(
                429,
                f"{self._max_per_client} calls from your address are running, which is the limit; end one",
            )

    def _forget(self, secret: str) -> None:
        self._sessions.pop(secret, None)

    def _find(self, request: Request) -> _Session:
        session = self._sessions.get(request.path_params["secret"])
        if session is None:
            raise SignallingError(404, "there is no such session, or it has ended")
        return session

    async def _body(self, request: Request) -> str:
        """Read the body as it comes, and no further or longer than the limits."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_limit_s):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self._body_limit:
                        raise SignallingError(413, f"the body is longer than {self._body_limit} bytes")
        except TimeoutError:
            raise SignallingError(408, f"the body took longer than {self._body_limit_s:g} s") from None
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise SignallingError(400, "the body is not text") from None


async def _opened(source: WebRtcSource) -> None:
    """Open a source; what the system cannot give now is an answer, too.

    Raises:
        SignallingError: the offer cannot be accepted, or 503: no file handles, no ports, no memory.
    """
    try:
        await source.open()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SignallingError(503, f"the server has not what a call needs ({reason}); try later") from error
    if "a=candidate:" not in source.answer_sdp:
        await source.close()
        raise SignallingError(503, "the server has no port to receive on: no file handles, or no relay; try later")


def _expect_type(request: Request, wanted: str) -> None:
    shown = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if shown != wanted:
        raise SignallingError(415, f"the Content-Type must be {wanted}")


def _options(methods: str, extra: dict[str, str]) -> Response:
    headers = {"Allow": methods, "Access-Control-Allow-Methods": methods, **_CORS, **extra}
    return Response(status_code=200, headers=headers)


def _not_allowed(methods: str, hint: str) -> Response:
    return PlainTextResponse(f"{hint}\n", 405, {"Allow": methods, **_CORS})
