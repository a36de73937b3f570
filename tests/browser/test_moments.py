"""The strip of moments, what is known of one, and saving a session."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect

from stream_guard.face import Box
from stream_guard.protocol.messages import DriverReport, FaceReport, TransportReport
from stream_guard.recording.compose import moment_record
from stream_guard.recording.moments import Moment, MomentKind
from stream_guard.recording.picture import model_crop, patch_overlay, wide_crop
from stream_guard.scoring.observation import Cue, State
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, scores, session
from tests.unit.recording.scenes import AT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

HOSTILE = "<img src=x onerror=alert(1)> a note"
PATCHES = np.linspace(-4, 4, 121, dtype=np.float32).reshape(11, 11)


def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    rows, columns = np.mgrid[0:360, 0:640]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)


def moment(n: int, kind: MomentKind, value: float, **changes: Any) -> Moment:
    score = FaceReport(
        id=1,
        box=(0.3, 0.2, 0.3, 0.5),
        authenticity=value,
        interval=(max(0.0, value - 0.05), min(1.0, value + 0.05)),
        state=State.SYNTHETIC if value < 0.5 else State.AUTHENTIC,
        frame_score=value,
        coverage=0.9,
        drivers=(DriverReport(cue=Cue.LOOKS_SYNTHETIC, since=11.0),) if value < 0.5 else (),
    )
    made: dict[str, Any] = {
        **{"n": n, "kind": kind, "face": 1, "t": 10.0 + n, "at": AT, "frame": 300 + n, "note": "", "score": score},
        "transport": TransportReport(codec="VP8", width=1280, height=720, fps=30, kbps=2310, lost=0),
        **{"engine": "openvino", "face_px": 190, "pose": (4.2, -7.9, 0.5), "patches": PATCHES},
        **changes,
    }
    return Moment(**made)


def lay_down(site: Site, *moments: Moment, kept: bool = True) -> None:
    """Let the site answer as the server would."""
    told = []
    box = Box(200, 80, 180, 200)
    crop, wide = model_crop(picture(), box, size=176, margin=1.4), wide_crop(picture(), box)
    for one in moments:
        entry = moment_record(one, pictures=False).model_dump(mode="json", exclude={"crop", "wide", "patches"})
        entry |= {"has_crop": True, "has_wide": True, "has_patches": one.patches is not None}
        told.append(entry)
        around = {
            "t": [t / 5 for t in range(-75, 76)],
            "authenticity": [0.9 if t < 0 else 0.1 for t in range(-75, 76)],
            "low": [0.8 if t < 0 else 0.0 for t in range(-75, 76)],
            "high": [1.0 if t < 0 else 0.2 for t in range(-75, 76)],
            "state": ["authentic" if t < 0 else "synthetic" for t in range(-75, 76)],
        }
        base = f"c1/moments/{one.n}"
        site.answers[f"{base}.json"] = json.dumps({**entry, "around": around}).encode(), "application/json"
        site.answers[f"{base}.jpg"] = crop, "image/jpeg"
        site.answers[f"{base}/wide.jpg"] = wide, "image/jpeg"
        site.answers[f"{base}/patches.png"] = patch_overlay(crop, PATCHES), "image/png"
    body = {"session": "c1", "kept": kept, "model": "default 0.1.0", "moments": told}
    site.answers["c1/moments"] = json.dumps(body).encode(), "application/json"


async def open_dashboard(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/dashboard")
    await site.connected()
    await site.say(session(), scores(AUTHENTIC))


FIRST = moment(1, MomentKind.FIRST_LOOK, 0.93)
ALARM = moment(2, MomentKind.ALARM_RAISED, 0.07, note=HOSTILE)


async def test_a_click_shows_all_that_is_known_of_a_moment(site: Site, page: Page) -> None:
    lay_down(site, FIRST, ALARM)
    await open_dashboard(site, page)
    strip = page.get_by_role("list", name="Moments").get_by_role("button")
    await expect(strip).to_have_count(2)
    await strip.nth(1).click()
    dialog = page.get_by_role("dialog", name="Alarm raised, face 1")
    await expect(dialog).to_be_visible()
    for words in (
        "Likely synthetic",
        "7 % (2–12)",
        "The picture itself looks synthetic",
        "face 190 px, turned 4°, nodding -8°",
        "VP8 1280×720, 2310 kb/s",
        "default 0.1.0 on openvino",
        HOSTILE,
    ):
        await expect(dialog).to_contain_text(words)
    await expect(dialog.get_by_alt_text("The face with its surroundings")).to_be_visible()
    regions = dialog.get_by_alt_text("Which regions of the face lean to synthetic")
    await expect(regions).to_be_visible()
    await dialog.get_by_label("Mark the regions that lean to one side").uncheck()
    await expect(regions).to_be_hidden()
    await expect(dialog.get_by_alt_text("The face as the model saw it")).to_be_visible()


async def test_the_strip_works_by_keyboard(site: Site, page: Page) -> None:
    lay_down(site, FIRST, ALARM)
    await open_dashboard(site, page)
    strip = page.get_by_role("list", name="Moments").get_by_role("button")
    await expect(strip).to_have_count(2)
    await strip.nth(0).focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="First look, face 1")).to_be_visible()
    await expect(page.get_by_role("button", name="Earlier moment")).to_be_disabled()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("dialog", name="Alarm raised, face 1")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(strip.nth(1)).to_be_focused()


async def test_a_session_is_saved_as_the_servers_report(site: Site, page: Page) -> None:
    lay_down(site)
    site.answers["c1/report.html"] = b"<!doctype html>the report", "text/html"
    await open_dashboard(site, page)
    await expect(page.get_by_text("Nothing worth keeping happened yet.")).to_be_visible()
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Save this session").click()
    download = await started.value
    assert download.suggested_filename == "stream-guard-c1.html"
    assert (await download.path()).read_bytes() == b"<!doctype html>the report"
    await expect(page.get_by_text("Keep it where only those may read it who should.")).to_be_visible()


async def test_the_token_is_shown_for_pictures_too(site: Site, page: Page) -> None:
    site.token = "secret token"
    lay_down(site, ALARM)
    await page.goto(f"{site.url}/dashboard#token=secret%20token")
    await site.connected()
    await site.say(session(), scores(AUTHENTIC))
    crop = base64.b64encode(site.answers["c1/moments/2.jpg"][0]).decode()
    await expect(page.locator("#moments img")).to_have_attribute("src", f"data:image/jpeg;base64,{crop}")


async def test_where_nothing_is_kept_it_says_so(site: Site, page: Page) -> None:
    lay_down(site, kept=False)
    await open_dashboard(site, page)
    await expect(page.get_by_text("not kept: the server was started with --no-moments")).to_be_visible()
    await expect(page.get_by_text("Nothing worth keeping happened yet.")).to_be_hidden()
