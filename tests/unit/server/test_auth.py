from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from stream_guard.server.auth import Gate
from stream_guard.server.tokens import Keyring

pytestmark = pytest.mark.unit

HORSE = Keyring(admin="correct horse")


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("in")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def gate(**options: Any) -> Gate:
    inner = Starlette(
        routes=[
            Route("/", _hello),
            Route("/pages/app.js", _hello),
            Route("/whip", _hello, methods=["POST", "GET", "OPTIONS"]),
            Route("/metrics", _hello),
            WebSocketRoute("/ws", _socket),
        ]
    )
    return Gate(inner, **{"host": "127.0.0.1", **options})


async def ask(
    app: Gate, path: str = "/whip", *, method: str = "POST", host: str = "127.0.0.1:8765", **headers: str
) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers=named)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
async def test_loopback_names_are_let_in(host: str) -> None:
    assert (await ask(gate(), host=host)).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "192.168.0.7:8765"])
async def test_a_rebound_name_is_not(host: str) -> None:
    answer = await ask(gate(), host=host)
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.text


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765", "http://127.0.0.1"]
)
async def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert (await ask(gate(), origin=origin)).status_code == 403


async def test_an_address_beyond_all_of_ours_is_refused_before_it_is_read() -> None:
    assert (await ask(gate(), path="/api/sessions/c1/faces/" + "9" * 5000 + "/trust")).status_code == 414


async def test_our_own_pages_are_let_in() -> None:
    assert (await ask(gate(), origin="http://127.0.0.1:8765")).status_code == 200


async def test_an_origin_can_be_let_in_by_name_and_gets_cors() -> None:
    app = gate(origins=["https://studio.example/"])
    answer = await ask(app, origin="https://studio.example")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://studio.example"
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-origin" not in (await ask(app)).headers


async def test_what_other_sites_embed_is_refused_but_links_work() -> None:
    for site in ("cross-site", "same-site"):  # another port of this machine is "same-site"
        embedded = await ask(gate(), "/metrics", method="GET", sec_fetch_site=site, sec_fetch_mode="no-cors")
        assert embedded.status_code == 403
    link = await ask(gate(), "/", method="GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert link.status_code == 200


async def test_the_token_is_wanted_everywhere_but_on_pages() -> None:
    app = gate(tokens=HORSE)
    refused = await ask(app)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert (await ask(app, authorization="Bearer wrong horse")).status_code == 401
    assert (await ask(app, authorization="Bearer correct horse")).status_code == 200
    assert (await ask(app, authorization="bearer correct horse")).status_code == 200
    assert (await ask(app, "/whip?token=correct%20horse")).status_code == 401, "addresses are logged"
    assert (await ask(app, "/metrics", method="GET")).status_code == 401
    assert (await ask(app, "/", method="GET")).status_code == 200
    assert (await ask(app, "/pages/app.js", method="GET")).status_code == 200


async def test_a_preflight_cannot_carry_a_token() -> None:
    app = gate(tokens=HORSE, origins=["https://studio.example"])
    assert (await ask(app, method="OPTIONS", origin="https://studio.example")).status_code == 200
    assert (await ask(app, method="OPTIONS", origin="https://evil.example")).status_code == 403


async def test_wider_bindings_go_by_any_name_but_want_the_token() -> None:
    app = gate(host="0.0.0.0", tokens=HORSE)
    assert (await ask(app, host="192.168.0.7:8765")).status_code == 401
    assert (await ask(app, host="192.168.0.7:8765", authorization="Bearer correct horse")).status_code == 200


async def test_pages_are_kept_in_bounds() -> None:
    headers = (await ask(gate(), "/", method="GET")).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["frame-ancestors"] == "'self'"
    assert policy["script-src"] == policy["style-src"] == "'self'", "nothing inline"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8765 wss://127.0.0.1:8765"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    refused = (await ask(gate(), "/", method="GET", host="evil.example")).headers
    assert "content-security-policy" in refused


@pytest.mark.parametrize(
    ("origin", "first"),
    [("https://evil.example", "websocket.close"), ("http://127.0.0.1:8765", "websocket.accept")],
)
async def test_websockets_are_checked_before_they_are_accepted(origin: str, first: str) -> None:
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/ws",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8765"), (b"origin", origin.encode())],
        "subprotocols": [],
    }
    await gate()(scope, receive, send)
    assert sent[0]["type"] == first


SCOPED = Keyring(admin="the admin's", send="the sender's", watch="the watcher's")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/whip", {"the sender's", "the admin's"}),
        ("DELETE", "/whip/abc", {"the sender's", "the admin's"}),
        ("GET", "/metrics", {"the watcher's", "the admin's"}),
        ("GET", "/api/sessions", {"the watcher's", "the admin's"}),
        ("DELETE", "/api/sessions/c1", {"the admin's"}),
        ("POST", "/api/sessions/c1/faces/3/trust", {"the admin's"}),
        ("POST", "/nothing/known", {"the admin's"}),
    ],
)
async def test_a_token_opens_what_it_is_for(method: str, path: str, allowed: set[str]) -> None:
    app = gate(tokens=SCOPED)
    for token in ("the sender's", "the watcher's", "the admin's"):
        answer = await ask(app, path, method=method, authorization=f"Bearer {token}")
        assert (answer.status_code == 403) == (token not in allowed), token
        if token not in allowed:
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
            assert token not in answer.text
    assert (await ask(app, path, method=method, authorization="Bearer nobody's")).status_code == 401
    assert (await ask(app, path, method=method)).status_code == 401


async def test_without_an_admin_token_nobody_is_admin() -> None:
    app = gate(tokens=Keyring(watch="the watcher's"))
    assert (await ask(app, "/metrics", method="GET", authorization="Bearer the watcher's")).status_code == 200
    assert (await ask(app, "/whip", authorization="Bearer the watcher's")).status_code == 403
    assert (await ask(app, "/whip", method="DELETE", authorization="Bearer ")).status_code == 401
