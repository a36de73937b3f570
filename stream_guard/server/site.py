"""The whole HTTP face of the server, put together from its parts."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from stream_guard.server.auth import Gate
from stream_guard.server.hub import Hub
from stream_guard.server.tokens import Keyring

__all__ = ["build_site"]

_PAGES = Path(__file__).parent / "pages"

mimetypes.init()  # reads files; here, at import, not when the first page is asked for


def build_site(
    hub: Hub,
    routes: Sequence[BaseRoute],
    *,
    host: str,
    tokens: Keyring | None = None,
    origins: Iterable[str] = (),
) -> Gate:
    """Return the ASGI application: pages, websocket, and the given routes, behind the gate.

    Args:
        hub: serves ``/ws``.
        routes: WHIP and health.
        host: the address listened on; see `Gate`.
        tokens: one of which clients must show; see `Gate`.
        origins: further web origins to let in.
    """
    site = Starlette(
        routes=[
            _page("/", "index.html"),
            _page("/overlay", "overlay.html"),
            _page("/dashboard", "dashboard.html"),
            _page("/favicon.ico", "icon.svg"),
            Mount("/pages", StaticFiles(directory=_PAGES, check_dir=False)),
            WebSocketRoute("/ws", hub.serve),
            *routes,
        ]
    )
    return Gate(site, host=host, tokens=tokens, origins=origins)


def _page(path: str, name: str) -> Route:
    async def send(request: Request) -> Response:
        return FileResponse(_PAGES / name)

    return Route(path, send, methods=["GET"])
