"""A Chromium, and a server that serves the real pages with a scripted ``/ws`` and a ``/whip`` that answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvicorn
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import stream_guard
from stream_guard.protocol.messages import Hello, ModelReport, ServerMessage, Subscribe
from stream_guard.server.tokens import SUBPROTOCOL, shown_token

PAGES = Path(stream_guard.__file__).parent / "server" / "pages"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
POLICY = (
    "default-src 'self'; connect-src 'self' {own}; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
HELLO = Hello(
    server="stream-guard 0.1.0",
    engine="onnxruntime",
    device="cpu",
    model=ModelReport(name="default", version="0.1.0", status="preview", sha256="0" * 64, min_face_px=56),
    budget_ms=33,
)


class Site:
    """The pages, and a server that says what the test tells it to.

    Attributes:
        hello: what new clients are greeted with.
        opening: what they are told next.
        subscriptions: what clients asked for, in order.
        token: what clients must show; None asks for none.
        tokens: what every websocket showed, in order.
        whip_status: what ``POST /whip`` answers; 201 makes it a real WebRTC peer that swallows the picture.
        whip_text: the body where it is not 201.
        answers: body and media type of what is below ``/api/sessions/``, by path.
        requests: method, path and Authorization of every WHIP request.
    """

    def __init__(self) -> None:
        self.hello: Hello | None = HELLO
        self.opening: list[ServerMessage] = []
        self.subscriptions: list[Subscribe] = []
        self.token: str | None = None
        self.tokens: list[str | None] = []
        self.whip_status = 201
        self.whip_text = ""
        self.answers: dict[str, tuple[bytes, str]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.port = 0
        self._clients: set[WebSocket] = set()
        self._peers: dict[str, RTCPeerConnection] = {}
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._talking: asyncio.Task[None] | None = None
        self._made = 0

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve; on the same port again after `stop`."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(self._app(), log_level="error", ws="websockets-sansio", lifespan="off")
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[assignment]
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Close every connection and the port."""
        assert self._server is not None
        assert self._task is not None
        await self.fall_silent()
        self._server.force_exit = True
        self._server.should_exit = True
        await self._task
        await asyncio.gather(*(peer.close() for peer in self._peers.values()))
        self._peers.clear()
        self._clients.clear()

    async def say(self, *messages: ServerMessage | str) -> None:
        """Send messages, or raw text, to everybody who is connected."""
        for message in messages:
            text = message if isinstance(message, str) else message.model_dump_json()
            for client in list(self._clients):
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await client.send_text(text)

    async def keep_saying(self, *messages: ServerMessage) -> None:
        """Say these, and again and again, in place of what was kept said before.

        A score said once is out of date two seconds later: on a busy machine before it is looked at.
        """
        await self.fall_silent()
        await self.say(*messages)

        async def go_on() -> None:
            while True:
                await asyncio.sleep(0.3)
                await self.say(*messages)

        self._talking = asyncio.create_task(go_on())

    async def fall_silent(self) -> None:
        """Say nothing more of what `keep_saying` says."""
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.gather(self._talking, return_exceptions=True)
            self._talking = None

    async def turn_away(self) -> None:
        """Close every websocket; new ones are welcome."""
        for client in list(self._clients):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await client.close(1001)

    async def hang_up(self) -> None:
        """End every WebRTC connection from this side."""
        await asyncio.gather(*(peer.close() for peer in self._peers.values()))

    async def connected(self, count: int = 1) -> None:
        """Wait until that many clients are connected."""
        async with asyncio.timeout(10):
            while len(self._clients) < count:
                await asyncio.sleep(0.02)

    @property
    def clients(self) -> int:
        """How many websockets are open."""
        return len(self._clients)

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page("index.html")),
                Route("/overlay", self._page("overlay.html")),
                Route("/dashboard", self._page("dashboard.html")),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
                Mount("/pages", StaticFiles(directory=PAGES)),
                WebSocketRoute("/ws", self._talk),
                Route("/api/sessions/{path:path}", self._answer, methods=["GET"]),
                Route("/whip", self._begin, methods=["POST"]),
                Route("/whip/{name}", self._end, methods=["DELETE"]),
            ]
        )

    def _answer(self, request: Request) -> Response:
        """Answer what a test laid down for this path; where it laid down nothing, there are no moments."""
        path = request.path_params["path"]
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return PlainTextResponse("show the server's token", status_code=401)
        if path in self.answers:
            content, media_type = self.answers[path]
            return Response(content, media_type=media_type)
        if path.endswith("/moments"):
            return JSONResponse({"session": path.split("/")[0], "kept": True, "model": "", "moments": []})
        return PlainTextResponse("no such session", status_code=404)

    def _page(self, name: str) -> Callable[[Request], Response]:
        def answer(_: Request) -> Response:
            policy = POLICY.format(own=f"ws://127.0.0.1:{self.port} wss://127.0.0.1:{self.port}")
            return FileResponse(PAGES / name, headers={"Content-Security-Policy": policy})

        return answer

    async def _talk(self, client: WebSocket) -> None:
        offered = client.scope["subprotocols"]
        await client.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self.tokens.append(shown_token(client.headers, offered) or None)
        if self.token not in (None, self.tokens[-1]):
            await client.close(4401, "show the server's token")
            return
        for message in [self.hello, *self.opening]:
            if message is not None:
                await client.send_text(message.model_dump_json())
        self._clients.add(client)
        try:
            while True:
                self.subscriptions.append(Subscribe.model_validate_json(await client.receive_text()))
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.discard(client)

    async def _begin(self, request: Request) -> Response:
        self.requests.append(("POST", request.url.path, request.headers.get("authorization")))
        offer = (await request.body()).decode()
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return PlainTextResponse("show the server's token", status_code=401)
        if self.whip_status != 201:
            return PlainTextResponse(self.whip_text, status_code=self.whip_status)
        self._made += 1
        name = f"c{self._made}"
        peer = self._peers[name] = RTCPeerConnection()
        drain = MediaBlackhole()
        peer.on("track", drain.addTrack)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        await drain.start()
        return Response(
            peer.localDescription.sdp,
            status_code=201,
            media_type="application/sdp",
            headers={"Location": f"/whip/{name}", "Stream-Guard-Session": name},
        )

    async def _end(self, request: Request) -> Response:
        self.requests.append(("DELETE", request.url.path, request.headers.get("authorization")))
        if peer := self._peers.pop(request.path_params["name"], None):
            await peer.close()
        return Response()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is. Without one the test is skipped, and fails under CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing = f"no browser is on the PATH: {', '.join(BROWSERS)}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(8000)
    yield context
    await context.close()


@pytest.fixture
def expected_errors() -> list[str]:
    """Parts of console errors that a test provokes on purpose; it appends them."""
    return []


@pytest.fixture
async def page(context: BrowserContext, expected_errors: list[str]) -> AsyncIterator[Page]:
    """A page whose console must stay clean: errors, exceptions and policy violations fail the test."""
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    unexpected = [line for line in errors if not any(text in line for text in expected_errors)]
    assert unexpected == []
