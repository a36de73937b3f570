"""Who may reach the server: Host and Origin checks, the token, and the headers that keep pages in bounds.

A page on another site can make a browser send requests to 127.0.0.1. Three things stop it: the Host header
must name us (else DNS rebinding), an Origin must be our own (else cross-site requests and websockets), and
what other sites embed without an Origin is recognised by Sec-Fetch-Site. Another port of this machine is another
site, too: browsers call it "same-site".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_guard.server.tokens import SUBPROTOCOL, Keyring, needed_scope, shown_token

__all__ = ["Gate"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(?::\d*)?", re.ASCII)
"""A Host header (RFC 9110, section 7.2), in small letters. Names are ASCII on the wire."""

_LONGEST_PATH = 1024
"""Characters. A number in a path of more than 4300 digits is an error inside int(), and a trace in the log."""

_WRONG_TOKEN = 4401  # from the range that RFC 6455, section 7.4.2, leaves to applications

_CONTENT_POLICY = (
    # Older browsers do not count websockets to 'self'; naming the host keeps all others out.
    "default-src 'self'; connect-src 'self' ws://{host} wss://{host}; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

_SAFETY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), display-capture=(self), microphone=()",
}

_NEARBY = frozenset({"same-origin", "none"})
"""``Sec-Fetch-Site`` of our own pages, and of what a person typed or bookmarked."""


class Gate:
    """ASGI middleware in front of everything."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        tokens: Keyring | None = None,
        origins: Iterable[str] = (),
        open_paths: Iterable[str] = ("/", "/overlay", "/dashboard", "/healthz", "/pages/", "/favicon.ico"),
    ) -> None:
        """Guard an application.

        Args:
            app: what is behind.
            host: the address we listen on. On loopback only loopback names may stand in Host; on a wider
                address any name may, because then every request must show a token.
            tokens: one of which clients must show, as ``Authorization: Bearer`` or, in a websocket, as a
                subprotocol; see `shown_token`. Without tokens everybody is let in. Never in an address: those
                are kept by proxies, histories and logs.
            origins: further origins that may call us, such as ``https://studio.example``.
            open_paths: need no token; those that end in a slash stand for all below.
        """
        self._app = app
        self._tokens = tokens or Keyring()
        self._hosts = None if self._tokens and host not in _LOOPBACK else _LOOPBACK | {host.strip("[]")}
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
            await self._app(scope, receive, self._with_safety(send, headers))
        elif scope["type"] == "websocket":
            await receive()
            if refusal[0] in {401, 403} and refusal[2]:
                # A browser shows its page nothing of a refused handshake. Who fails only by the token may know.
                chosen = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
                await send({"type": "websocket.accept", "subprotocol": chosen})
                await send({"type": "websocket.close", "code": _WRONG_TOKEN, "reason": refusal[1]})
            else:
                # Closing before accepting makes the server answer 403 to the handshake.
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        else:
            status, text, challenge = refusal
            named = {"www-authenticate": challenge} if challenge else None
            await PlainTextResponse(text + "\n", status, named)(scope, receive, self._with_safety(send, headers))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        """Return why a request is refused: HTTP status, a line of text, and the challenge if it is the token."""
        if len(scope["path"]) > _LONGEST_PATH:
            return 414, "no address here is that long", ""
        host = headers.get("host", "").lower()
        name = _name(host)
        if name is None:
            return 400, "the Host header must name a host", ""
        if self._hosts is not None and name not in self._hosts:
            return 421, "this server does not go by that name; use 127.0.0.1", ""
        origin = headers.get("origin")
        if origin is not None:
            if not self._may_call(origin, host):
                return 403, "pages of another origin may not reach this server; allow it with --allow-origin", ""
        elif headers.get("sec-fetch-site", "none") not in _NEARBY and headers.get("sec-fetch-mode") != "navigate":
            return 403, "other sites may not embed this server", ""
        return self._token_refusal(scope, headers)

    def _token_refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        method, path = scope.get("method", "GET"), scope["path"]
        if not self._tokens or method == "OPTIONS" or self._is_open(path):
            return None  # browsers send no token with OPTIONS
        scopes = self._tokens.scopes(shown_token(headers, scope.get("subprotocols", ())))
        needed = needed_scope(method, path)
        if needed in scopes:
            return None
        if scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{needed}"'  # RFC 6750, section 3.1
            return 403, f"this token may not {needed}; show one that may", challenge
        return 401, "show the server's token as Authorization: Bearer; pages take it after #token=", "Bearer"

    def _may_call(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        return origin in self._origins or origin in {f"http://{host}", f"https://{host}"}

    def _is_open(self, path: str) -> bool:
        return any(
            path.startswith(door) if door.endswith("/") and door != "/" else path == door for door in self._open
        )

    def _with_safety(self, send: Send, asked: Headers) -> Send:
        """Return a ``send`` that adds the safety headers, and CORS for origins that were let in by name."""
        origin = asked.get("origin")
        host = asked.get("host", "").lower()
        policy = _CONTENT_POLICY.format(host=host if _name(host) else "127.0.0.1")

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", policy)
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
