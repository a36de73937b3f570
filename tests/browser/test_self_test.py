"""The self-test on the dashboard: whose camera, what is asked of the server, and what is shown of the answer."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import cv2
import numpy as np
import pytest
from playwright.async_api import Page, Route, expect

from stream_guard.protocol.messages import ServerMessage
from stream_guard.server.self_test_report import SelfTestReport, SelfTestState
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, scores, session

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

WORDS = (
    "Your own face, sent like this call, moves towards synthetic by 0.8: weigh the call's score accordingly, a low "
    "one means less here.",
    "Authenticity 95% before, 90% after; as a log-likelihood ratio +0.8, over 58 pictures.",
)
BUTTON = "Self-test: send my own picture like this call"


def jpeg() -> bytes:
    """Two squares, as a server would send them."""
    picture = np.full((176, 356, 3), 90, np.uint8)
    picture[:, 180:] = 160
    return cv2.imencode(".jpg", picture)[1].tobytes()


def report(state: SelfTestState, **changes: object) -> SelfTestReport:
    """How a self-test of c2 like c1 stands."""
    return SelfTestReport(
        session="c2", like="c1", state=state, progress=0.4, codec="VP8", width=1280, height=720, fps=30, kbps=300,
        evidence=0.4,
    ).model_copy(update=changes)  # fmt: skip


class Server:
    """Answers for self-tests, and goes on saying that two sessions run: nothing grows stale on a busy machine."""

    def __init__(self, site: Site) -> None:
        self.now = report("gathering")
        self.begun = (202, "")
        self.requests: list[tuple[str, str, object]] = []
        self.looks = 0
        self.sessions = ("c1", "c2")
        self._site = site
        self._task = asyncio.create_task(self._talk())

    async def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/sessions/")[2]
        if path.endswith("/picture"):
            await route.fulfill(status=200, body=jpeg(), content_type="image/jpeg")
            return
        body = json.loads(request.post_data) if request.post_data else None
        if request.method == "GET":
            self.looks += 1
        else:
            self.requests.append((request.method, path, body))
        if request.method == "DELETE":  # not before, or the page would learn of it from a look and hide its button
            self.now = report("cancelled", words=("The self-test was cancelled.",))
        status, text = self.begun if request.method == "POST" else (200, "")
        await route.fulfill(status=status, body=text or self.now.model_dump_json(by_alias=True))

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _talk(self) -> None:
        labels = {"c1": "the call", "c2": "my camera"}
        while True:
            said: list[ServerMessage] = []
            for name in self.sessions:
                said += [session(name, label=labels[name]), scores(AUTHENTIC, session=name)]
            await self._site.say(*said)
            await asyncio.sleep(0.3)


@pytest.fixture
async def server(site: Site, page: Page) -> AsyncIterator[Server]:
    server = Server(site)
    await page.route(re.compile("/api/sessions/.*/self-test"), server.answer)
    yield server
    await server.end()


async def test_the_own_picture_is_sent_like_the_call_and_the_answer_is_shown(
    site: Site, page: Page, server: Server, expected_errors: list[str]
) -> None:
    expected_errors.append("409")
    server.begun = (409, "a self-test is running; cancel it first\n")
    await page.goto(f"{site.url}/dashboard?session=c1")
    panel = page.locator("#self-test")
    begin = panel.get_by_role("button", name=BUTTON)
    await expect(begin).to_be_disabled()  # whose camera is one's own must be said
    await expect(panel.get_by_label("My own camera is").locator("option")).to_have_text(
        ["choose…", "c2 · my camera"]
    )
    await panel.get_by_label("My own camera is").select_option("c2")
    await begin.click()
    await expect(panel.locator(".problem")).to_contain_text("a self-test is running; cancel it first")
    server.begun = (202, "")
    await begin.click()
    await expect(panel.get_by_role("progressbar")).to_be_visible()
    assert server.requests == [("POST", "c2/self-test", {"as": "c1"})] * 2
    await expect(panel.get_by_role("progressbar")).to_have_js_property("value", 0.4)
    await expect(panel.get_by_text("Look into the camera")).to_be_visible()
    await expect(panel.locator(".problem")).to_be_hidden()
    await expect(begin).to_be_hidden()
    server.now = report("comparing", progress=0.8)
    await expect(panel.get_by_text("Comparing, with 300 kb/s in VP8")).to_be_visible()
    server.now = report("done", progress=1.0, picture=True, words=WORDS)
    await expect(panel.get_by_role("status")).to_contain_text(WORDS[0])
    await expect(panel.get_by_role("status")).to_contain_text(WORDS[1])
    await expect(panel.locator("img")).to_be_visible()
    await expect(panel.locator("img")).to_have_js_property("naturalWidth", 356)
    await expect(panel.get_by_text("sent like this call", exact=True)).to_be_visible()
    await expect(panel.get_by_role("progressbar")).to_be_hidden()
    await expect(begin).to_be_visible()
    looks = server.looks
    # Beside another session's score it would mislead.
    await page.locator("#sessions button[data-session=c2]").click()
    await expect(panel.locator("img")).to_be_hidden()
    await expect(panel.get_by_role("status")).to_be_hidden()
    await page.locator("#sessions button[data-session=c1]").click()
    await expect(panel.locator("img")).to_be_visible()
    assert server.looks == looks  # what is over is not asked for again
    await page.set_viewport_size({"width": 360, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_it_can_be_stopped(site: Site, page: Page, server: Server) -> None:
    await page.goto(f"{site.url}/dashboard?session=c1")
    panel = page.locator("#self-test")
    await panel.get_by_label("My own camera is").select_option("c2")
    await panel.get_by_role("button", name=BUTTON).click()
    await expect(panel.get_by_role("progressbar")).to_be_visible()
    await panel.get_by_role("button", name="Stop").click()
    await expect(panel.get_by_role("status")).to_have_text("The self-test was cancelled.")
    await expect(panel.get_by_role("progressbar")).to_be_hidden()
    assert ("DELETE", "c2/self-test", None) in server.requests


async def test_with_one_session_it_says_what_is_missing(site: Site, page: Page, server: Server) -> None:
    server.sessions = ("c1",)
    await page.goto(f"{site.url}/dashboard?session=c1")
    panel = page.locator("#self-test")
    await expect(panel.get_by_text("Share your own camera from a second tab")).to_be_visible()
    await expect(panel.get_by_role("button", name=BUTTON)).to_be_hidden()
    server.sessions = ("c1", "c2")
    await expect(panel.get_by_role("button", name=BUTTON)).to_be_visible()
    await expect(panel.get_by_text("Share your own camera from a second tab")).to_be_hidden()
