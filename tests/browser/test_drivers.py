"""The overlay says in words what speaks against a face, and nothing against one that looks authentic."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from stream_guard.protocol.messages import DriverReport
from stream_guard.scoring.observation import Cue
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, SYNTHETIC, scores, session

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

CHANGED = DriverReport(cue=Cue.CHANGED, since=0.0)
LOOKS = DriverReport(cue=Cue.LOOKS_SYNTHETIC, since=0.0)


async def test_the_strongest_driver_comes_first_with_the_time_of_day(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/overlay")
    await site.connected()
    await site.keep_saying(session(), scores(SYNTHETIC.model_copy(update={"drivers": (CHANGED, LOOKS)})))
    words = re.compile(
        r"The picture of this face changed at \d{1,2}:\d\d:\d\d · The picture itself looks synthetic"
    )
    await expect(page.get_by_role("listitem")).to_contain_text(words)


async def test_an_authentic_face_is_not_accused(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/overlay")
    await site.connected()
    await site.keep_saying(session(), scores(AUTHENTIC.model_copy(update={"drivers": (LOOKS,)})))
    row = page.get_by_role("listitem")
    await expect(row).to_contain_text("Looks authentic")
    await expect(row).not_to_contain_text("synthetic")
