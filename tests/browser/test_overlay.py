"""The overlay shows every state by shape, word and colour on a transparent page, and never a stale one as fresh."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Browser, Page, expect

from stream_guard.protocol.messages import FaceReport
from stream_guard.scoring.observation import State
from tests.browser.conftest import HELLO, Site
from tests.browser.examples import (
    AUTHENTIC,
    CANNOT_JUDGE,
    SUSPICIOUS,
    SYNTHETIC,
    face,
    gallery,
    scores,
    session,
    small,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

AUTHENTIC_GREEN, SUSPICIOUS_ORANGE, SYNTHETIC_RED = (0, 158, 115), (230, 159, 0), (213, 94, 0)


async def pixels(page: Page) -> NDArray[np.uint8]:
    """The page as it would be laid over a picture: height, width, RGBA."""
    shot = await page.screenshot(omit_background=True)
    return np.asarray(Image.open(BytesIO(shot)).convert("RGBA"))


def share(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> float:
    """How much of a picture has a colour, within a few steps."""
    near = np.abs(picture[..., :3].astype(int) - colour).max(axis=-1) <= 6
    return float((near & (picture[..., 3] > 200)).mean())


async def show(site: Site, page: Page, query: str, *faces: FaceReport, degraded: bool = False) -> None:
    await page.goto(f"{site.url}/overlay?{query}")
    await site.connected()
    await site.keep_saying(session(), scores(*faces, degraded=degraded))


@pytest.mark.parametrize(
    ("shown", "words", "colour"),
    [
        (AUTHENTIC, "Looks authentic", AUTHENTIC_GREEN),
        (SUSPICIOUS, "Suspicious", SUSPICIOUS_ORANGE),
        (SYNTHETIC, "Likely synthetic", SYNTHETIC_RED),
    ],
)
async def test_a_verdict_has_a_word_a_shape_and_a_colour(
    site: Site, page: Page, shown: FaceReport, words: str, colour: tuple[int, int, int]
) -> None:
    await show(site, page, "", shown)
    row = page.get_by_role("listitem")
    await expect(row).to_contain_text(words)
    assert shown.authenticity is not None
    await expect(row).to_contain_text(f"authenticity {shown.authenticity * 100:.0f} %")
    await expect(row.locator(f"svg[data-shape={shown.state}]")).to_be_visible()
    assert share(await pixels(page), colour) > 0.0002


async def test_outlines_of_the_states_all_differ(site: Site, page: Page) -> None:
    states = [face(place, state) for place, state in enumerate(State, start=1)]
    await show(site, page, "size=s&max=9", *states)
    await expect(page.get_by_role("listitem")).to_have_count(len(State))
    outlines = await page.eval_on_selector_all(
        "svg.shape", "all => all.map((one) => one.innerHTML.replace(/(fill|stroke)=.#?[A-Za-z0-9]+./g, ''))"
    )
    assert len(set(outlines)) == len(State)


async def test_cannot_judge_is_no_verdict(site: Site, page: Page) -> None:
    await show(site, page, "", CANNOT_JUDGE)
    row = page.get_by_role("listitem")
    await expect(row).to_contain_text("Cannot judge")
    await expect(row).to_contain_text("Face too small: 38 px, 56 px are needed: pin or enlarge · Too dark")
    await expect(row).not_to_contain_text("%")
    seen = await pixels(page)
    assert [share(seen, colour) for colour in (AUTHENTIC_GREEN, SUSPICIOUS_ORANGE, SYNTHETIC_RED)] == [0, 0, 0]


@pytest.mark.parametrize("corner", ["tl", "tr", "bl", "br"])
async def test_only_the_badge_is_opaque(site: Site, page: Page, corner: str) -> None:
    await show(site, page, f"corner={corner}", SYNTHETIC)
    await expect(page.get_by_role("listitem")).to_be_visible()
    alpha = (await pixels(page))[..., 3]
    rows, columns = np.nonzero(alpha)
    height, width = alpha.shape
    assert (rows.max() < height / 3) if corner[0] == "t" else (rows.min() > height * 2 / 3)
    assert (columns.max() < width / 2) if corner[1] == "l" else (columns.min() > width / 2)
    assert (alpha == 0).mean() > 0.9


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast"])
@pytest.mark.parametrize("shown", [AUTHENTIC, SUSPICIOUS, SYNTHETIC, CANNOT_JUDGE], ids=lambda face: face.state)
async def test_text_reads_on_its_badge(site: Site, page: Page, theme: str, shown: FaceReport) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, with black and with white behind the half-clear badge."""
    await show(site, page, f"theme={theme}", shown)
    await expect(page.get_by_role("listitem")).to_be_visible()
    found = await page.evaluate(
        """() => [...document.querySelectorAll(".face-word, .face-score, .face-why, .line")]
            .filter((one) => one.textContent && one.offsetParent)
            .map((one) => [one, document.querySelector(".badge")].map((part) => getComputedStyle(part)))
            .map(([text, badge]) => [text.color, badge.backgroundColor])"""
    )
    assert found
    for ink, paper in found:
        for behind in (0.0, 255.0):
            assert contrast(_rgba(ink), _over(_rgba(paper), behind)) >= 4.5


async def test_nothing_to_show_is_a_small_pill(site: Site, page: Page) -> None:
    site.hello = None
    await page.goto(f"{site.url}/overlay")
    pill = page.locator("#pill")
    await expect(pill).to_have_text("Connecting…")
    await site.connected()
    await site.say(HELLO)
    await expect(pill).to_have_text("No call yet")
    await site.say(session(state="connecting"))
    await expect(pill).to_have_text("Starting…")
    await site.keep_saying(session(), scores())
    await expect(pill).to_have_text("No face in the picture")
    assert (await pixels(page))[..., 3].astype(bool).mean() < 0.02
    await site.keep_saying(session(state="ended"))
    await expect(pill).to_have_text("The call has ended")


async def test_empty_0_leaves_nothing_on_the_stream(site: Site, page: Page) -> None:
    await show(site, page, "empty=0")
    await expect(page.locator("body")).to_have_attribute("data-standing", "no-face")
    assert not (await pixels(page))[..., 3].any()


async def test_a_score_goes_stale_by_itself(site: Site, page: Page) -> None:
    await show(site, page, "", AUTHENTIC)
    row = page.get_by_role("listitem")
    await expect(row).to_contain_text("Looks authentic")
    await site.fall_silent()
    await expect(row).to_contain_text("Out of date")
    await expect(row).not_to_contain_text("%")
    await expect(page.locator("#pill")).to_contain_text("No new picture for")
    assert share(await pixels(page), AUTHENTIC_GREEN) == 0


async def test_a_score_that_arrives_old_is_stale_at_once(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/overlay")
    await site.connected()
    await site.say(session(), scores(AUTHENTIC, age_ms=2100))
    await expect(page.get_by_role("listitem")).to_contain_text("Out of date")


async def test_a_lost_connection_shows_and_heals(site: Site, page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("ERR_CONNECTION_REFUSED")
    await show(site, page, "", AUTHENTIC)
    await expect(page.get_by_role("listitem")).to_contain_text("Looks authentic")
    await site.stop()
    await expect(page.locator("#pill")).to_have_text("Connection lost · retrying")
    await expect(page.get_by_role("listitem")).to_contain_text("Out of date")
    await site.start()
    await site.connected()
    await expect(page.locator("#pill")).to_have_text("No call yet")
    await expect(page.get_by_role("listitem")).to_have_count(0)
    await site.keep_saying(session(), scores(SYNTHETIC))
    await expect(page.get_by_role("listitem")).to_contain_text("Likely synthetic")


@pytest.mark.parametrize("side", [3, 5])
async def test_a_gallery_lists_alarms_first_and_counts_the_rest(site: Site, page: Page, side: int) -> None:
    await show(site, page, "", *gallery(side), degraded=True)
    await site.keep_saying(session(), *(scores(*gallery(side), degraded=True) for _ in range(3)))
    rows = page.get_by_role("listitem")
    await expect(rows).to_have_count(4)
    await expect(rows.first).to_contain_text("Likely synthetic")
    await expect(rows.first).to_contain_text("Face 5")
    await expect(page.locator("#more")).to_have_text(
        f"{side**2} faces: 1 likely synthetic, {side**2 - 2} look authentic, 1 cannot be judged"
    )
    await expect(page.locator("#note")).to_have_text(
        "faces in turn, each scored 10.0 times a second · preview model"
    )


async def test_what_to_do_about_small_faces_is_never_crowded_out(site: Site, page: Page) -> None:
    await show(site, page, "", *(face(number) for number in range(1, 9)), small(9))
    rows = page.get_by_role("listitem")
    await expect(rows).to_have_count(4)
    await expect(rows.last).to_have_text(
        "Cannot judgeFace 9Face too small: 38 px, 56 px are needed: pin or enlarge"
    )


async def test_many_small_faces_share_a_row(site: Site, page: Page) -> None:
    crowd = [small(number, 20 + number) for number in range(3, 26)]
    await show(site, page, "", face(1, State.SYNTHETIC, 0.04), face(2), *crowd)
    rows = page.get_by_role("listitem")
    await expect(rows).to_have_count(3)
    await expect(rows.last).to_have_text(
        "Cannot judge23 facesFaces too small: 23 to 45 px, 56 px are needed: pin or enlarge"
    )
    await expect(page.locator("#more")).to_be_hidden()
    await site.keep_saying(scores(face(1, State.SYNTHETIC, 0.04), face(2), *crowd[:2]))
    await expect(rows).to_have_count(4)
    await expect(rows.last).to_contain_text("Face 4Face too small: 24 px")


async def test_a_warning_is_not_crowded_out_by_small_faces(site: Site, page: Page) -> None:
    await show(site, page, "max=1", face(1, State.SUSPICIOUS, 0.4), *(small(number) for number in range(2, 9)))
    await expect(page.get_by_role("listitem")).to_contain_text("Suspicious")
    await expect(page.locator("#more")).to_have_text("8 faces: 1 suspicious, 7 cannot be judged")


async def test_a_missing_token_is_asked_for_in_a_window(site: Site, page: Page) -> None:
    site.token = "s3cret-token"
    await page.goto(f"{site.url}/overlay?opaque=1")
    await page.get_by_label("Token", exact=True).fill("s3cret-token")
    await page.keyboard.press("Enter")
    await site.connected()
    await expect(page.locator("#token")).to_be_hidden()
    await expect(page.locator("#pill")).to_have_text("No call yet")


@pytest.mark.parametrize(("query", "pill"), [("", "The server wants its token"), ("empty=0", "")])
async def test_a_missing_token_puts_no_form_on_a_stream(site: Site, page: Page, query: str, pill: str) -> None:
    site.token = "s3cret-token"
    await page.add_init_script("window.obsstudio = {}")
    await page.goto(f"{site.url}/overlay?{query}")
    await expect(page.locator("body")).to_have_attribute("data-standing", "lost")
    await expect(page.locator("#pill")).to_have_text(pill)
    await expect(page.locator("#token")).to_be_hidden()


async def test_states_and_max_narrow_the_list(site: Site, page: Page) -> None:
    await show(site, page, "states=synthetic,suspicious&max=1&preview=0", AUTHENTIC, face(2, State.SUSPICIOUS, 0.4))
    await expect(page.get_by_role("listitem")).to_have_text(["SuspiciousFace 2authenticity 40 % (35–45)"])
    await expect(page.locator("#note")).to_be_hidden()
    await site.keep_saying(scores(AUTHENTIC))
    await expect(page.locator("#badge")).to_be_hidden()


async def test_session_chooses_among_calls(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/overlay?session=c2#token=s3cret")
    await site.connected()
    await site.keep_saying(session("c1"), scores(SYNTHETIC), session("c2"), scores(AUTHENTIC, session="c2"))
    await expect(page.get_by_role("listitem")).to_contain_text("Looks authentic")
    assert [wish.sessions for wish in site.subscriptions] == [("c2",)]
    assert site.tokens == ["s3cret"]


async def test_boxes_lie_on_the_faces(site: Site, page: Page) -> None:
    await show(site, page, "boxes=1", face(1, State.SYNTHETIC, 0.04, box=(0.25, 0.25, 0.25, 0.5)))
    await expect(page.locator("body")).to_have_attribute("data-standing", "faces")
    await page.wait_for_timeout(150)
    seen = await pixels(page)
    edge = seen[180:540, 318:323]  # The left edge of a quarter of 1280 pixels.
    assert share(edge, SYNTHETIC_RED) > 0.7
    assert not seen[200:520, 340:620, 3].any(), "the face itself stays uncovered"
    assert not seen[300:, 700:, 3].any()
    await expect(page.get_by_role("listitem")).to_have_count(0)


async def test_boxes_follow_the_frames_shape(site: Site, page: Page) -> None:
    """A 16:9 frame in a 4:3 page leaves bars of 60 px above and below."""
    await page.set_viewport_size({"width": 640, "height": 480})
    await show(site, page, "boxes=1&preview=0", face(1, State.SYNTHETIC, 0.04, box=(0.0, 0.0, 1.0, 1.0)))
    await expect(page.locator("body")).to_have_attribute("data-standing", "faces")
    await page.wait_for_timeout(150)
    seen = await pixels(page)
    assert not seen[:50, :, 3].any()
    assert share(seen[58:63, 100:500], SYNTHETIC_RED) > 0.7
    assert share(seen[417:423, 100:500], SYNTHETIC_RED) > 0.7


async def test_an_alarm_is_announced(site: Site, page: Page) -> None:
    await show(site, page, "", AUTHENTIC)
    await expect(page.get_by_role("alert")).to_have_text("")
    await site.keep_saying(scores(SYNTHETIC))
    await expect(page.get_by_role("alert")).to_have_text("Face 1: Likely synthetic")


async def test_reduced_motion_stops_the_pulse(site: Site, chromium: Browser) -> None:
    for reduced, animation in (("no-preference", "raise"), ("reduce", "none")):
        page = await chromium.new_page(reduced_motion=reduced)  # type: ignore[arg-type]
        await page.goto(f"{site.url}/overlay")
        await site.connected()
        await site.keep_saying(session(), scores(SYNTHETIC))
        mark = page.locator("[data-state=synthetic] .face-mark")
        await expect(mark).to_have_css("animation-name", animation)
        await page.close()


async def test_nonsense_in_the_address_is_told_to_the_console(site: Site, page: Page) -> None:
    warnings: list[str] = []
    page.on("console", lambda line: warnings.append(line.text) if line.type == "warning" else None)
    await show(site, page, "corner=middle&states=fake&max=-3&size=m", AUTHENTIC)
    await expect(page.get_by_role("listitem")).to_contain_text("Looks authentic")
    await expect(page.locator("body")).to_have_attribute("data-corner", "tr")
    assert len(warnings) == 2
    assert "corner=middle" in warnings[0]


Colour = tuple[float, float, float, float]


def _rgba(css: str) -> Colour:
    numbers = [float(part) for part in css[css.index("(") + 1 : -1].split(",")]
    red, green, blue, *alpha = numbers
    return red, green, blue, alpha[0] if alpha else 1.0


def _over(paper: Colour, behind: float) -> Colour:
    red, green, blue, alpha = paper
    return (
        red * alpha + behind * (1 - alpha),
        green * alpha + behind * (1 - alpha),
        blue * alpha + behind * (1 - alpha),
        1,
    )


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2's contrast ratio."""

    def luminance(colour: Colour) -> float:
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in colour[:3])
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
