"""Pulls a stream by WHEP (draft-ietf-wish-whep): we offer to receive, the server answers and sends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx
from aiortc import RTCSessionDescription

from stream_guard.clock import Clock, MonotonicClock
from stream_guard.errors import ConfigError, SignallingError, SourceError
from stream_guard.sources.addresses import address_to_follow
from stream_guard.sources.ice import IceSettings
from stream_guard.sources.inputs import blot
from stream_guard.sources.peer import Receiver, ReceivingSource

__all__ = ["WhepSource"]

log = logging.getLogger(__name__)

_SCHEMES = {"whep": "http", "wheps": "https", "whep+http": "http", "whep+https": "https"}
_HTTP_LIMIT_S = 10.0
_BODY_LIMIT = 64 * 1024
_GOODBYE_LIMIT_S = 2.0
_REDIRECTS = 5


class WhepSource(ReceivingSource):
    """Receives the video a WHEP server sends.

    URLs: ``whep://host/path`` and ``whep+http://`` mean http, ``wheps://`` and ``whep+https://`` https. A
    bearer token stands in ``?token=`` or before the host: ``wheps://TOKEN@host/path``.
    """

    kind = "whep"

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        loopback_only: bool = False,
        connect_limit_s: float = 15.0,
        ice: IceSettings | None = None,
    ) -> None:
        """Take a URL; nothing runs yet.

        Args:
            url: see above.
            clock: for arrivals.
            loopback_only: receive on 127.0.0.1 alone.
            connect_limit_s: how long media may take to connect after the answer, in seconds.
            ice: STUN and TURN servers; None asks none.

        Raises:
            ConfigError: the URL is not one of those.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ConfigError(f"{blot(url)} is no WHEP URL; write whep://host/path or wheps://host/path")
        query = parse_qsl(parts.query, keep_blank_values=True)
        self._token = dict(query).get("token") or parts.password or parts.username
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((_SCHEMES[parts.scheme], host, parts.path or "/", rest, ""))
        self.name = blot(url)
        self._clock = clock or MonotonicClock()
        self._loopback_only = loopback_only
        self._connect_limit_s = connect_limit_s
        self._ice = ice
        self._location = ""
        self._answered_by = self._url
        self._closing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Offer, and take the answer.

        Raises:
            SourceError: the server cannot be reached.
            SignallingError: it refuses, or answers what is no answer; holds its HTTP status.
        """
        if self._receiver is not None:
            return
        self._receiver = Receiver(
            clock=self._clock,
            loopback_only=self._loopback_only,
            connect_limit_s=self._connect_limit_s,
            ice=self._ice,
        )
        try:
            await self._negotiate(self._receiver)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Tell the server, and hang up. See `Source.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._hang_up(), name="whep close")
        await asyncio.shield(self._closing)  # to the end, even where whoever waits is cancelled

    async def _hang_up(self) -> None:
        if self._receiver is not None:
            await asyncio.gather(self._receiver.close(), self._say_goodbye())

    async def _negotiate(self, receiver: Receiver) -> None:
        connection = receiver.connection
        connection.addTransceiver("video", direction="recvonly")
        connection.addTransceiver("audio", direction="recvonly")
        offer = await receiver.gather(await connection.createOffer())
        response, text = await self._post(offer)
        if response.status_code != 201:
            raise SignallingError(
                response.status_code,
                f"{self.name} refuses: {_reason(response, text)} (HTTP {response.status_code})",
            )
        if "location" in response.headers:
            self._location = self._next(self._answered_by, response)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        except Exception as error:
            # The parser is written for well-formed answers and fails in any way on others.
            log.info("an answer could not be read: %s", type(error).__name__)
            raise SignallingError(201, f"{self.name} answers with something that is no SDP answer") from error

    async def _post(self, offer: str) -> tuple[httpx.Response, str]:
        """Send the offer; returns the answer and its body.

        Only 307 and 308 redirect a POST (draft section 4.4). The token stays with its host.
        """
        url = self._url
        for _ in range(_REDIRECTS):
            where, headers, options = await self._way_to(url)
            headers |= {"Content-Type": "application/sdp", "Accept": "application/sdp"}
            try:
                async with (
                    asyncio.timeout(_HTTP_LIMIT_S),
                    httpx.AsyncClient(timeout=_HTTP_LIMIT_S) as http,
                    http.stream("POST", where, content=offer, headers=headers, extensions=options) as response,
                ):
                    text = await self._body(response)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                raise SourceError(f"{self.name} cannot be reached: {type(error).__name__}") from error
            if response.status_code not in {307, 308} or "location" not in response.headers:
                self._answered_by = url
                return response, text
            url = self._next(url, response)
        raise SignallingError(response.status_code, f"{self.name} redirects without end")

    def _next(self, url: str, response: httpx.Response) -> str:
        """Return where a server sends us on to."""
        try:
            there = urljoin(url, response.headers["location"])
        except ValueError:
            there = ""
        if not (there and there.isascii() and there.isprintable()):
            raise SignallingError(403, f"{self.name} sends us to an address that cannot be read")
        return there

    async def _body(self, response: httpx.Response) -> str:
        """Read the body, no further than the limit."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _BODY_LIMIT:
                raise SignallingError(
                    response.status_code, f"{self.name} answers with more than {_BODY_LIMIT} bytes"
                )
        return body.decode(errors="replace")

    async def _say_goodbye(self) -> None:
        if self._location:
            with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, SignallingError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_LIMIT_S):
                    where, headers, options = await self._way_to(self._location)
                    async with (
                        httpx.AsyncClient(timeout=_GOODBYE_LIMIT_S) as http,
                        http.stream("DELETE", where, headers=headers, extensions=options),
                    ):
                        pass  # the body is not read: it may be of any length

    async def _way_to(self, url: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """Return address, headers and TLS name for a URL, which may have come from the server.

        Raises:
            SignallingError: it must not be followed; see `address_to_follow`.
        """
        address = await address_to_follow(url, given=self._url)
        if address is None:
            return url, self._authorization(url), {}
        parts = urlsplit(url)
        literal = f"[{address}]" if ":" in address else address
        there = parts._replace(netloc=f"{literal}:{parts.port}" if parts.port else literal)
        name = parts.netloc.rpartition("@")[2]
        return urlunsplit(there), {"Host": name, **self._authorization(url)}, {"sni_hostname": parts.hostname or ""}

    def _authorization(self, url: str) -> dict[str, str]:
        if self._token and urlsplit(url)[:2] == urlsplit(self._url)[:2]:
            return {"Authorization": f"Bearer {self._token}"}
        return {}


def _reason(response: httpx.Response, text: str) -> str:
    """Return the first line of a plain-text refusal, shortened; else the status's name."""
    plain = response.headers.get("content-type", "").startswith("text/plain")
    lines = text.strip().splitlines() if plain else []
    said = lines[0][:120] if lines else response.reason_phrase
    return "".join(letter for letter in said if letter.isprintable())  # no escape sequences for terminals
