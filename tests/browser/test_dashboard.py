"""The dashboard shows every number of the wire, tells sessions apart, and keeps to its bounds."""

from __future__ import annotations

import asyncio
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect

from stream_guard.face import Reason
from stream_guard.protocol.messages import Engine, EngineFailure
from stream_guard.scoring.observation import EventKind, State
from tests.browser.conftest import HELLO, Site
from tests.browser.examples import AUTHENTIC, SYNTHETIC, event, face, gallery, scores, session, stats

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]


async def open_dashboard(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/dashboard")
    await site.connected()


def tile(page: Page, name: str) -> Locator:
    return page.locator("#tiles > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


async def colours(canvas: Locator) -> set[tuple[int, ...]]:
    shot = Image.open(BytesIO(await canvas.screenshot())).convert("RGB")
    values, counts = np.unique(np.asarray(shot).reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(int(part) for part in value) for value, count in zip(values, counts, strict=True) if count > 20}


async def test_hello_says_what_runs(site: Site, page: Page) -> None:
    site.hello = HELLO.model_copy(update={"promise": "0.4 false alarms an hour"})
    await open_dashboard(site, page)
    facts = page.get_by_label("Server", exact=True)
    for words in (
        "stream-guard 0.1.0",
        "onnxruntime on cpu",
        "default 0.1.0",
        "preview",
        "56 px",
        "33 ms a frame",
    ):
        await expect(facts).to_contain_text(words)
    await expect(page.locator("#promise")).to_have_text("Measured: 0.4 false alarms an hour")
    await expect(page.get_by_text("No session yet.")).to_be_visible()


async def test_an_engine_that_takes_over_is_shown_with_the_reason(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    facts = page.get_by_label("Server", exact=True)
    failure = EngineFailure(name="tensorrt", reason="the GPU has <b>fallen</b> off the bus")
    await site.say(Engine(engine="openvino", device="cpu", passed_over=(failure,)))
    await expect(facts).to_contain_text("openvino on cpu")
    await expect(facts).to_contain_text("not tensorrt: the GPU has <b>fallen</b> off the bus")
    await site.say(Engine(engine="", device="", passed_over=(failure,)))
    await expect(facts).to_contain_text("none is left")


async def test_every_number_of_the_wire_is_there(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.say(session(), stats(superseded=12, expired=1), scores(SYNTHETIC, degraded=True))
    for name, value in {
        "Frames in": "29.9fps",
        "Scored": "29.8fps",
        "p95, budget 33": "24ms",
        "Faces in turn": "yes",
        "Picture": "1280×720",
        "Codec": "VP8",
        "Bitrate": "2310kb/s",
        "Packets lost": "0",
        "Hidden backlog": "3ms",
        "Clients": "2",
    }.items():
        await expect(tile(page, name)).to_have_text(value)
    frames = page.locator("#funnel")
    for name, words in {
        "in": "10,342",
        "admitted": "10,33099.9 %",
        "scored": "10,31199.7 %",
        "superseded": "120.1 %, overtaken by a newer frame",
        "expired": "10.0 %, past its deadline",
    }.items():
        await expect(frames.locator(f"[data-count='{name}']")).to_contain_text(words)
    await expect(page.locator("#stages tr")).to_have_text(
        ["wait3.1 ms4.4 ms6.5 ms", "infer3.1 ms4.4 ms6.5 ms", "total3.1 ms4.4 ms40.2 ms"]
    )


async def test_bars_are_to_scale(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.say(session(), stats())
    whole = await page.locator("[data-stage=total] .bar").bounding_box()
    p99 = await page.locator("[data-stage=total] .p99").bounding_box()
    limit = await page.locator("[data-stage=total] .limit").bounding_box()
    assert whole is not None
    assert p99 is not None
    assert limit is not None
    assert p99["width"] / whole["width"] == pytest.approx(1 / 1.05, abs=0.01)
    assert (limit["x"] - whole["x"]) / p99["width"] == pytest.approx(33 / 40.2, abs=0.01)


async def test_no_drops_is_said(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.say(session(), stats())
    await expect(page.get_by_text("No frame was dropped.")).to_be_visible()


async def test_timelines_show_score_state_and_gap(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    unseen = face(2, State.CANNOT_JUDGE, None, reasons=(Reason.DARK,))
    await site.say(session())
    for _ in range(8):
        await site.say(scores(AUTHENTIC, unseen, face(3, State.SYNTHETIC, 0.04)))
        await page.wait_for_timeout(220)
    await site.keep_saying(scores(AUTHENTIC, unseen, face(3, State.SYNTHETIC, 0.04)))
    rows = page.locator("#timelines > li")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0)).to_contain_text("Looks authenticFace 193 % (88–98) · 10.0/s")
    await expect(rows.nth(1)).to_contain_text("Cannot judgeFace 2Too dark")
    await expect(rows.nth(2).get_by_role("img")).to_have_attribute(
        "aria-label", "Face 3: Likely synthetic. 4 % (0–9) · 10.0/s"
    )
    await page.locator("#span").select_option("60")
    green, red = (0, 158, 115), (213, 94, 0)
    async with asyncio.timeout(20):
        while green not in await colours(rows.nth(0).locator("canvas")):
            await asyncio.sleep(0.1)
    drawn = [await colours(rows.nth(place).locator("canvas")) for place in range(3)]
    assert green in drawn[0]
    assert red not in drawn[0]
    assert not {green, red} & drawn[1], "what cannot be judged has no verdict's colour"
    assert red in drawn[2]


async def test_a_face_that_left_is_marked_gone(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.keep_saying(session(), scores(AUTHENTIC, face(2)))
    row = page.locator("#timelines [data-face='2']")
    await expect(row).to_contain_text("Looks authentic")
    await site.keep_saying(scores(AUTHENTIC))
    await expect(row).to_contain_text("Gone", timeout=15_000)
    await expect(page.locator("#timelines [data-face='1']")).to_contain_text("Looks authentic")


async def test_events_are_logged_newest_first(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.say(
        session(),
        event(EventKind.FACE_APPEARED, face=1),
        event(EventKind.SCENE_CUT),
        event(
            EventKind.STATE_CHANGED,
            face=1,
            previous=State.AUTHENTIC,
            state=State.CANNOT_JUDGE,
            reasons=(Reason.TURNED_AWAY,),
        ),
        event(EventKind.ALARM_RAISED, face=1, state=State.SYNTHETIC, authenticity=0.04),
    )
    await expect(page.locator("#log li > span:last-child")).to_have_text(
        [
            "Face 1 ALARM: likely synthetic · authenticity 4 %",
            "Face 1 looks authentic → cannot judge (face turned away)",
            "Scene cut: scores start again",
            "Face 1 appeared",
        ]
    )


async def test_sessions_are_told_apart_and_chosen_by_keyboard(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.keep_saying(
        session("c1", label="first"),
        session("c2", "stale", label="second"),
        session("c3", "ended", label="third", reason="the sender left"),
        scores(AUTHENTIC, session="c1"),
        scores(SYNTHETIC, session="c2"),
    )
    buttons = page.locator("#sessions").get_by_role("button")
    await expect(buttons).to_have_text(
        ["thirdendedc3 · webrtc · the sender left", "secondno picturec2 · webrtc", "firstlivec1 · webrtc"]
    )
    await expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true")
    await buttons.nth(1).focus()
    await page.keyboard.press("Enter")
    await expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")
    await expect(buttons.nth(1)).to_be_focused()
    await expect(page.locator("#standing")).to_contain_text("No new picture")


async def test_a_label_is_text_not_html(site: Site, page: Page) -> None:
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    await open_dashboard(site, page)
    await site.say(session(label=evil, reason=evil), scores(AUTHENTIC))
    button = page.locator("#sessions").get_by_role("button")
    await expect(button).to_contain_text(evil)
    assert await page.locator("#sessions img").count() == 0


async def test_memory_is_bounded(site: Site, page: Page) -> None:
    """Ten thousand frames, four hundred faces, a thousand events: only so much is kept."""
    await open_dashboard(site, page)
    kept = await page.evaluate(
        """async ([scores, event]) => {
            const { SessionHistory, FaceHistory } = await import("/pages/history.js");
            const past = new SessionHistory();
            const face = scores.faces[0];
            for (let id = 1; id <= 400; id += 1) past.addScores({ ...scores, faces: [{ ...face, id }] }, id * 10);
            for (let count = 0; count < 1000; count += 1) past.addEvent(event, count);
            const one = new FaceHistory(1);
            for (let frame = 0; frame < 10000; frame += 1) one.add(face, frame * 200);
            const points = one.since(-Infinity);
            return [past.faces.size, past.faces.has(400), past.events.length, past.marks.length, points.length,
                points[0].at, points[points.length - 1].at];
        }""",
        [scores(AUTHENTIC).model_dump(mode="json"), event(EventKind.SCENE_CUT).model_dump(mode="json")],
    )
    assert kept == [64, True, 300, 100, 1800, (10000 - 1800) * 200, 9999 * 200]


async def test_a_gallery_of_25_has_25_timelines(site: Site, page: Page) -> None:
    await open_dashboard(site, page)
    await site.keep_saying(session(), scores(*gallery(5)))
    await expect(page.locator("#timelines > li")).to_have_count(25)
    await expect(page.locator("#standing")).to_have_text(
        "25 faces: 1 likely synthetic, 23 look authentic, 1 cannot be judged"
    )
    await expect(page.get_by_role("alert")).to_have_text("Session c1: Face 5 likely synthetic")


@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_nothing_spills_out_of_a_narrow_window(site: Site, page: Page, path: str) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(site.url + path)
    await site.connected()
    await site.say(session(label="x" * 300), stats(superseded=3), scores(*gallery(3)))
    await page.wait_for_timeout(400)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
