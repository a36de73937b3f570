"""The overlay as a browser source shows it: in the sizes OBS uses, clear where the badge is not.

Debian's OBS has no browser sources, so this is Chromium, asked for a clear page as OBS asks its own.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from tests.browser.conftest import Site, chromium, chromium_path, site
from tests.browser.examples import SYNTHETIC, gallery, scores, session

__all__ = ["chromium", "chromium_path", "site"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

SIZES = [(800, 600), (1280, 720), (1920, 1080), (2560, 1440), (1080, 1920)]
"""What OBS gives a new browser source, then what canvases have; the last is upright."""


@pytest.mark.parametrize("many", [False, True])
async def test_the_badge_fits_and_the_rest_is_clear(site: Site, chromium: Browser, many: bool) -> None:
    page = await chromium.new_page()
    await page.goto(f"{site.url}/overlay")
    await site.connected()
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await site.say(session(), scores(*(gallery(5) if many else [SYNTHETIC])))
        await expect(page.get_by_role("listitem").first).to_be_visible()
        box = await page.locator(".badge").bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        assert 0 <= box["y"] <= box["y"] + box["height"] <= height
        shot = await page.screenshot(omit_background=True)
        alpha = np.asarray(Image.open(BytesIO(shot)).convert("RGBA"))[..., 3]
        inside = np.zeros_like(alpha, dtype=bool)
        top, left = int(box["y"]), int(box["x"])
        inside[top : top + int(box["height"]) + 2, left : left + int(box["width"]) + 2] = True
        assert not alpha[~inside].any()
        assert (alpha[inside] > 0).mean() > 0.8
    await page.close()
