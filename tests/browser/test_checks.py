"""Vouching, challenges and rehearsals on the dashboard: what is asked of the server, and what is shown."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from stream_guard.protocol.messages import FaceReport, ServerMessage
from stream_guard.scoring.observation import State
from tests.browser.checks import asking, rehearsal, result
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, face, scores, session

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////"
    "////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)
Answer = tuple[int, str]


class Talk:
    """A server that goes on saying the same: on a busy machine nothing grows stale before it is looked at."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._messages: tuple[ServerMessage, ...] = ()
        self._task = asyncio.create_task(self._go_on())

    async def say(self, *messages: ServerMessage) -> None:
        """Say these from now on."""
        self._messages = messages
        await self._site.say(*messages)

    async def end(self) -> None:
        """Fall silent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(0.3)
            await self._site.say(*self._messages)


@pytest.fixture
async def talk(site: Site) -> AsyncIterator[Talk]:
    talk = Talk(site)
    yield talk
    await talk.end()


class Asked:
    """What the page asked the server for, and what it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, object]] = []
        self.answers: dict[str, Answer] = {}

    async def until(self, *requests: tuple[str, str, object]) -> None:
        """Wait until these, and no others, were asked."""
        async with asyncio.timeout(10):
            while len(self.requests) < len(requests):
                await asyncio.sleep(0.02)
        assert self.requests == list(requests)

    async def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/")[2]
        if path.endswith("moments"):
            await route.continue_()
            return
        if path.endswith("picture"):
            await route.fulfill(status=200, body=JPEG, content_type="image/jpeg")
            return
        body = json.loads(request.post_data) if request.post_data else None
        self.requests.append((request.method, path, body))
        status, text = self.answers.get(request.method, (204, ""))
        await route.fulfill(status=status, body=text)


@pytest.fixture
async def asked(page: Page) -> Asked:
    asked = Asked()
    await page.route("**/api/**", asked.answer)
    return asked


def call(*faces: FaceReport) -> tuple[ServerMessage, ServerMessage]:
    return session(), scores(*(faces or (AUTHENTIC,)))


async def open_dashboard(site: Site, page: Page, talk: Talk, *said: ServerMessage) -> None:
    await page.goto(f"{site.url}/dashboard")
    await site.connected()
    await talk.say(*(said or call()))


async def test_the_chosen_movements_are_asked_for_with_words_to_copy_and_what_is_seen(
    site: Site, page: Page, talk: Talk, asked: Asked, expected_errors: list[str]
) -> None:
    expected_errors.append("409")
    asked.answers["POST"] = (409, "a challenge runs in session c1; cancel it first\n")
    await open_dashboard(site, page, talk)
    panel = page.locator("#challenge")
    begin = panel.get_by_role("button", name="Begin")
    await expect(panel.get_by_role("checkbox")).to_have_count(6)
    for box in await panel.get_by_role("checkbox").all():
        await box.uncheck()
    await begin.click()
    await expect(panel.locator(".problem")).to_have_text("Choose a movement first.")
    await panel.get_by_label("Stand up").check()
    await panel.get_by_label("Turn the head left").check()
    await begin.click()
    wish = {"actions": ["turn_left", "stand_up"]}
    await asked.until(("POST", "sessions/c1/faces/1/challenge", wish))
    refusal = "The server refused: a challenge runs in session c1; cancel it first."
    await expect(panel.locator(".problem")).to_have_text(refusal)
    await talk.say(*call(), asking())
    await expect(panel.locator(".challenge-words")).to_have_text(
        "Please turn your head slowly to your left, as far as you like, and back."
    )
    await expect(panel.locator(".countdown")).to_have_text("8 s")
    await expect(panel.locator(".sight").first).to_have_text("31°")
    await expect(panel.locator("progress")).to_have_js_property("value", 0.6)
    await expect(panel.get_by_role("button", name="Begin")).to_be_hidden()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await panel.get_by_role("button", name="Copy the words").click()
    await expect(panel.get_by_text("copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("Please turn your head")
    await panel.get_by_role("button", name="Cancel").click()
    beginning = ("POST", "sessions/c1/faces/1/challenge", wish)
    await asked.until(beginning, ("DELETE", "sessions/c1/faces/1/challenge", None))


async def test_the_result_is_told_in_words_with_its_trace_on_a_phone_too(
    site: Site, page: Page, talk: Talk, asked: Asked
) -> None:
    await open_dashboard(site, page, talk)
    panel = page.locator("#challenge")
    await talk.say(*call(), result())
    await expect(panel.locator("li").first).to_contain_text("Turned 62 degrees to their left, and back.")
    await expect(panel.locator("li").first).to_contain_text("The score fell from 80% before to 20% while turning")
    await expect(panel.locator(".sight")).to_have_text(["Seen", "Could not see"])
    await expect(panel.locator(".challenge-result")).to_contain_text("1 of 2 actions were seen.")
    await expect(panel.locator(".trace svg")).to_be_visible()
    await expect(panel.locator(".trace .lapse:not(.key)")).to_have_count(1)
    shape = await panel.locator("path.score").get_attribute("d")
    assert shape is not None
    assert shape.count("M") == 2  # it breaks where nothing could be judged
    await expect(panel.get_by_role("button", name="Begin")).to_be_visible()
    assert not re.search("verified|confirmed|genuine|challenge passed", (await panel.inner_text()).lower())
    await page.set_viewport_size({"width": 360, "height": 800})
    faces = face(1), face(2), face(3, State.SYNTHETIC, 0.05)
    await talk.say(*call(*faces), result(), rehearsal())
    await expect(page.locator(".rehearsal-running")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_face_is_vouched_for_and_the_one_that_differs_is_named(
    site: Site, page: Page, talk: Talk, asked: Asked
) -> None:
    known, other = face(1), face(2, State.SUSPICIOUS, 0.3)
    await open_dashboard(site, page, talk, *call(known, other))
    panel = page.locator("#trust")
    await expect(panel.locator(".outlier-words")).to_contain_text("nobody can say which one differs")
    await panel.locator("[data-face='1']").get_by_role("button", name="I know this is really them").click()
    await asked.until(("POST", "sessions/c1/faces/1/trust", None))
    trusted = known.model_copy(update={"trusted": True})
    await talk.say(*call(trusted, other.model_copy(update={"relative": 3.4})))
    await expect(panel.locator("[data-face='1']")).to_contain_text("You vouch for this face.")
    await expect(panel.locator("[data-face='1'] button")).to_be_hidden()
    await expect(panel.locator(".outlier-words")).to_contain_text(
        "Face 2 looks more synthetic than Face 1, which you vouch for, by 3.4"
    )
    faces = [face(1, authenticity=0.9), face(2, authenticity=0.88), face(3, authenticity=0.94)]
    await talk.say(*call(*faces, face(4, authenticity=0.9)))
    await expect(panel.locator(".outlier-words")).to_have_text("No face differs clearly from the others.")
    await talk.say(*call(*faces, face(4, State.SUSPICIOUS, 0.1)))
    words = "Face 4 looks more synthetic than the others (authenticity 10 %)."
    await expect(panel.locator(".outlier-words")).to_contain_text(words)
    places = [float(await dot.get_attribute("cx") or 0) for dot in await panel.locator("svg .dot").all()]
    assert len(places) == 4
    assert places[3] < min(places[:3]) - 100


async def test_a_rehearsal_is_labelled_everywhere_and_no_alarm_of_the_page(
    site: Site, page: Page, talk: Talk, asked: Asked
) -> None:
    await open_dashboard(site, page, talk)
    panel = page.locator("#rehearsal")
    begin = panel.get_by_role("button", name="Rehearse an alarm")
    await expect(begin).to_be_disabled()
    await panel.get_by_label("This is my own camera").check()
    await begin.click()
    beginning = ("POST", "rehearsal", {"session": "c1", "seconds": 8})
    await asked.until(beginning)
    await talk.say(*call(), rehearsal())
    await expect(panel.locator(".rehearsal-label")).to_have_text("REHEARSAL")
    await expect(panel.locator(".rehearsal-state")).to_contain_text("ALARM after 1.6 s")
    await expect(panel.locator("img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    await expect(page.locator("#standing")).to_contain_text("REHEARSAL")
    await expect(page.locator("#alarm")).to_have_text("")
    await panel.get_by_role("button", name="Stop").click()
    await asked.until(beginning, ("DELETE", "rehearsal", None))
    await talk.say(*call(), rehearsal(state="done", faces=(), words=("The detector is awake: it noticed it.",)))
    await expect(panel.locator(".rehearsal-result")).to_contain_text("The detector is awake")
    await expect(panel.locator(".rehearsal-running")).to_be_hidden()
    words = ("The detector did not notice the test swap on this picture, so do not count on it here.",)
    await talk.say(*call(), rehearsal(state="done", faces=(), alarmed_after_s=None, words=words))
    await expect(panel.locator(".rehearsal-result")).to_contain_text("did not notice")
    await expect(panel.locator(".rehearsal-result")).to_have_attribute("data-missed", "")
    await talk.say(*call(), rehearsal())
    await expect(panel.locator(".rehearsal-running")).to_be_visible()
    await talk.end()  # nobody speaks of it any more
    await expect(panel.locator(".rehearsal-running")).to_be_hidden()


async def test_the_overlay_shows_a_rehearsal_with_its_label(site: Site, page: Page, talk: Talk) -> None:
    await page.goto(f"{site.url}/overlay")
    await site.connected()
    await talk.say(*call(), rehearsal())
    await expect(page.locator("#faces")).to_contain_text("REHEARSAL: Likely synthetic")
    await expect(page.locator("#pill")).to_contain_text("REHEARSAL: a test swap of this picture, no true alarm")
    await expect(page.locator("#alarm")).to_have_text("REHEARSAL: Face 1: Likely synthetic")
