"""The dashboard's log says what failed inside, whom it concerns, and why a call ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from stream_guard.protocol.messages import FaultReport
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, scores, session, stats

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

EVERYBODY = FaultReport(session=None, part="faces", reason="the landmarker's process died and was started again")
ONE = FaultReport(session="c2", part="stream", reason="a frame was lost: <b>MemoryError</b>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_fault_stands_in_the_log_of_whom_it_concerns(site: Site, page: Page, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
    await page.goto(f"{site.url}/dashboard?session=c1")
    await site.connected()
    for name in ("c1", "c2"):
        await site.say(session(name), stats(name, failed=2), scores(AUTHENTIC, session=name))
    await site.say(EVERYBODY, ONE)
    lines = page.locator("#log li > span:last-child")
    await expect(lines).to_have_text(["Following faces: the landmarker's process died and was started again"])
    await expect(page.locator("#funnel")).to_contain_text("something inside failed on it")
    await page.locator('[data-session="c2"]').click()
    await expect(lines).to_have_text(
        [
            "This call: a frame was lost: <b>MemoryError</b>",
            "Following faces: the landmarker's process died and was started again",
        ]
    )
    await site.say(session("c2", "ended", reason="an internal error (MemoryError); see the log"))
    await expect(lines.first).to_have_text("Ended: an internal error (MemoryError); see the log")
    if folder := os.environ.get("STREAM_GUARD_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"faults-{scheme}.png", full_page=True)
