"""Who may reach the server: Host and Origin checks, the token, and the headers that keep pages in bounds.

A page on another site can make a browser send requests to 127.0.0.1. Three things stop it: the Host header
must name us (else DNS rebinding), an Origin must be our own (else cross-site requests and websockets), and
what other sites embed without an Origin is recognised by Sec-Fetch-Site.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Gate"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(?::\d*)?", re.ASCII)
"""A Host header (RFC 9110, section 7.2), in small letters. Names are ASCII on the wire."""

_WRONG_TOKEN = 4401  # from the range that RFC 6455, section 7.4.2, leaves to applications

_CONTENT_POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob: mediastream:; "
    "style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

_SAFETY = {
    "content-security-policy": _CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), display-capture=(self), microphone=()",
}


class Gate:
    """ASGI middleware in front of everything."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        token: str | None,
        origins: Iterable[str] = (),
        open_paths: Iterable[str] = ("/", "/overlay", "/dashboard", "/healthz", "/pages/", "/favicon.ico"),
    ) -> None:
        """Guard an application.

        Args:
            app: what is behind.
            host: the address we listen on. On loopback only loopback names may stand in Host; on a wider
                address any name may, because then every request must show the token.
            token: what clients must show, as ``Authorization: Bearer`` or ``?token=``; None asks for none.
            origins: further origins that may call us, such as ``https://studio.example``.
            open_paths: need no token; those that end in a slash stand for all below.
        """
        self._app = app
        self._hosts = None if token and host not in _LOOPBACK else _LOOPBACK | {host.strip("[]")}
        self._token = token.encode() if token else None
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._open = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, receive, self._with_safety(send, headers.get("origin")))
        elif scope["type"] == "websocket":
            await receive()
            if refusal[0] == 401:
                # A browser shows its page nothing of a refused handshake. Who fails only by the token may know.
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": _WRONG_TOKEN, "reason": refusal[1]})
            else:
                # Closing before accepting makes the server answer 403 to the handshake.
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            status, text = refusal
            challenge = {"www-authenticate": "Bearer"} if status == 401 else None
            await PlainTextResponse(text + "\n", status, challenge)(scope, receive, self._with_safety(send, None))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return why a request is refused, as HTTP status and a line of text."""
        host = headers.get("host", "").lower()
        name = _name(host)
        if name is None:
            return 400, "the Host header must name a host"
        if self._hosts is not None and name not in self._hosts:
            return 421, "this server does not go by that name; use 127.0.0.1"
        origin = headers.get("origin")
        if origin is not None:
            if not self._may_call(origin, host):
                return 403, "pages of another origin may not reach this server; allow it with --allow-origin"
        elif headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "other sites may not embed this server"
        if self._token is not None and scope.get("method") != "OPTIONS" and not self._is_open(scope["path"]):
            shown = headers.get("authorization", "").removeprefix("Bearer ").strip()
            shown = shown or QueryParams(scope["query_string"]).get("token", "")
            if not hmac.compare_digest(shown.encode(), self._token):
                return 401, "show the server's token, as Authorization: Bearer or ?token="
        return None

    def _may_call(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        return origin in self._origins or origin in {f"http://{host}", f"https://{host}"}

    def _is_open(self, path: str) -> bool:
        return any(
            path.startswith(door) if door.endswith("/") and door != "/" else path == door for door in self._open
        )

    def _with_safety(self, send: Send, origin: str | None) -> Send:
        """Return a ``send`` that adds the safety headers, and CORS for origins that were let in by name."""

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFETY.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if origin is not None and origin.lower() in self._origins:
                    headers["access-control-allow-origin"] = origin
                    headers["cross-origin-resource-policy"] = "cross-origin"
                    headers.add_vary_header("origin")
            await send(message)

        return wrapped


def _name(host: str) -> str | None:
    """Return a Host header without its port; None if it is none."""
    match = _HOST.fullmatch(host)
    return (match["address"] or match["name"]) if match else None
