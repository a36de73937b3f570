"""The capture page sends what was chosen, shows what comes back, and says in plain words what went wrong."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Page, expect

from stream_guard.scoring.observation import State
from tests.browser.conftest import Site
from tests.browser.examples import AUTHENTIC, CANNOT_JUDGE, SYNTHETIC, face, gallery, scores, session, small

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

BUTTONS = ("Share a window", "Share a tab", "Use the camera")


async def watch_camera(site: Site, page: Page, query: str = "") -> None:
    await page.goto(f"{site.url}/{query}")
    await site.connected()
    await page.get_by_role("button", name="Use the camera").click()
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    await site.say(session())


async def refuse(page: Page, method: str, name: str) -> None:
    await page.add_init_script(
        f"navigator.mediaDevices.{method} = async () => {{ throw new DOMException('no', '{name}'); }}"
    )


async def test_the_start_explains_itself(site: Site, page: Page) -> None:
    await page.goto(site.url)
    for name in BUTTONS:
        await expect(page.get_by_role("button", name=name)).to_be_enabled()
    await expect(page.locator("#privacy")).to_contain_text("Nothing leaves this computer")
    await expect(page.get_by_text("“Looks authentic” is no proof of identity.")).to_be_visible()
    await expect(page.locator("#model")).to_contain_text("This model is a preview")
    await expect(page.locator("#connection")).to_have_text("Connected")


async def test_the_camera_is_sent_by_whip_and_described(site: Site, page: Page) -> None:
    await watch_camera(site, page, "#token=s3cret")
    await expect(page.get_by_label("What is sent")).to_contain_text("Sent1280 × 720", timeout=15_000)
    await expect(page.get_by_label("What is sent")).to_contain_text("CodecVP8")
    await expect(page.get_by_label("What is sent")).to_contain_text("kb/s")
    assert site.requests == [("POST", "/whip", "Bearer s3cret")]
    assert site.tokens == ["s3cret"]
    overlay = page.get_by_role("link", name="Overlay")
    await expect(overlay).to_have_attribute("href", "/overlay?session=c1#token=s3cret")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("button", name="Share a tab")).to_be_visible()
    await asked(site, 2)
    assert site.requests[1:] == [("DELETE", "/whip/c1", "Bearer s3cret")]


async def test_a_face_is_shown_with_score_interval_and_age(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await expect(page.locator("#standing")).to_have_text("Waiting for the first score…")
    await site.say(scores(AUTHENTIC), scores(AUTHENTIC))
    row = page.locator("#faces li")
    await expect(row).to_contain_text("Looks authentic")
    await expect(row).to_contain_text("authenticity 93 % (88–98) · ")
    await expect(row).to_contain_text(" s old")
    await expect(page.locator("#keeping-up")).to_contain_text("at least 10.0 times a second")
    await expect(page.locator("#keeping-up")).to_contain_text("The model is a preview")


async def test_cannot_judge_says_why_and_what_to_do(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await site.say(scores(CANNOT_JUDGE))
    row = page.locator("#faces li")
    await expect(row).to_contain_text("Cannot judge")
    await expect(row).to_contain_text("no score")
    await expect(row).to_contain_text("Face too small: 38 px, 56 px are needed.")
    await expect(row).to_contain_text("Enlarge the tile, pin the speaker, or move closer.")
    await expect(row.locator(".face-bar")).to_be_hidden()
    await expect(page.locator("#alarm")).to_be_empty()


async def test_many_small_faces_are_told_once_what_to_do(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await site.say(scores(AUTHENTIC, *(small(number) for number in range(2, 26))))
    rows = page.locator("#faces li")
    await expect(rows).to_have_count(2)
    await expect(rows.last).to_contain_text("24 faces")
    await expect(rows.last).to_contain_text("Faces too small: 38 px, 56 px are needed.")
    await expect(rows.last).to_contain_text("Enlarge the tile, pin the speaker")


async def test_boxes_are_drawn_over_the_preview(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await expect(page.get_by_label("What is sent")).to_contain_text("1280", timeout=15_000)
    await site.say(scores(face(1, State.SYNTHETIC, 0.04, box=(0.25, 0.25, 0.5, 0.5))))
    await expect(page.locator("#faces li")).to_have_count(1)
    canvas = page.locator("#boxes")
    pixels = await canvas.evaluate(
        """(canvas) => {
            const { width, height } = canvas;
            const at = (x, y) => [...canvas.getContext("2d").getImageData(x * width, y * height, 1, 1).data];
            return [at(0.25, 0.5), at(0.75, 0.5), at(0.5, 0.75), at(0.5, 0.5), at(0.1, 0.5)];
        }"""
    )
    assert pixels == [[213, 94, 0, 255]] * 3 + [[0, 0, 0, 0]] * 2


async def test_an_alarm_stands_out_sounds_and_notifies(site: Site, page: Page) -> None:
    await page.context.grant_permissions(["notifications"], origin=site.url)
    await page.add_init_script(
        """window.told = []; window.tones = 0;
        window.Notification = class { constructor(title, { body }) { window.told.push(body); }
            static async requestPermission() { return "granted"; } };
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...given) {
            window.tones += 1;
            return start.apply(this, given);
        };"""
    )
    await watch_camera(site, page)
    await page.get_by_label("Sound on alarm").check()
    await page.get_by_label("Notification").check()
    before = await page.evaluate("window.tones")
    await site.say(scores(AUTHENTIC))
    await expect(page.get_by_role("alert")).to_have_text([""])
    await site.say(scores(SYNTHETIC))
    words = "This face is likely synthetic (authenticity 4 %). Check in another way who this is."
    await expect(page.locator("#alarm")).to_have_text(words)
    assert await page.evaluate("window.told") == [words]
    assert await page.evaluate("window.tones") == before + 3
    await site.say(scores(AUTHENTIC))
    await expect(page.locator("#alarm")).to_be_empty()
    await site.say(scores(SYNTHETIC))
    await expect(page.locator("#alarm")).to_have_text(words)
    assert len(await page.evaluate("window.told")) == 1, "a flickering face notifies once"


async def test_only_the_own_session_is_shown(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await site.say(session("other"), scores(SYNTHETIC, session="other"), scores(AUTHENTIC))
    await expect(page.locator("#faces li")).to_have_count(1)
    await expect(page.locator("#faces li")).to_contain_text("Looks authentic")


@pytest.mark.parametrize(
    ("button", "method", "error", "words"),
    [
        ("Use the camera", "getUserMedia", "NotAllowedError", "The browser may not use the camera."),
        ("Use the camera", "getUserMedia", "NotFoundError", "No camera was found."),
        ("Use the camera", "getUserMedia", "NotReadableError", "Another program may be using it"),
        ("Share a window", "getDisplayMedia", "NotAllowedError", "Nothing was shared."),
        ("Share a tab", "getDisplayMedia", "NotReadableError", "The screen could not be opened."),
    ],
)
async def test_a_refused_picture_is_explained(
    site: Site, page: Page, button: str, method: str, error: str, words: str
) -> None:
    await refuse(page, method, error)
    await page.goto(site.url)
    await page.get_by_role("button", name=button).click()
    await expect(page.locator("#problem")).to_contain_text(words)
    await expect(page.get_by_role("button", name=button)).to_be_enabled()
    assert site.requests == []
    await page.get_by_role("button", name="Close this message").click()
    await expect(page.locator("#problem")).to_be_hidden()


@pytest.mark.parametrize(("button", "surface"), [("Share a window", "window"), ("Share a tab", "browser")])
async def test_the_picker_is_asked_for_the_right_thing(site: Site, page: Page, button: str, surface: str) -> None:
    await page.add_init_script(
        """navigator.mediaDevices.getDisplayMedia = async (wanted) => {
            window.wanted = wanted;
            throw new DOMException("no", "NotAllowedError");
        };"""
    )
    await page.goto(site.url)
    await page.get_by_role("button", name=button).click()
    await expect(page.locator("#problem")).to_be_visible()
    wanted = await page.evaluate("window.wanted")
    assert wanted["video"]["displaySurface"] == surface
    assert wanted["audio"] is False


async def test_a_page_that_is_not_secure_says_so(site: Site, page: Page) -> None:
    await page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    await page.goto(site.url)
    await page.get_by_role("button", name="Use the camera").click()
    await expect(page.locator("#problem")).to_contain_text("Open this page at http://127.0.0.1")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (406, "no codec that is understood here: VP8 or H264, please", "VP8 or H264, please"),
        (400, "<script>alert(1)</script>", "<script>alert(1)</script>"),
        (403, "pages of another origin may not reach this server", "pages of another origin may not"),
        (503, "", "It answered 503."),
    ],
)
async def test_a_refusing_server_is_quoted(
    site: Site, page: Page, expected_errors: list[str], status: int, text: str, words: str
) -> None:
    expected_errors.append("Failed to load resource")
    site.whip_status, site.whip_text = status, text
    await page.goto(site.url)
    await page.get_by_role("button", name="Use the camera").click()
    await expect(page.locator("#problem")).to_contain_text(words)
    await expect(page.get_by_role("button", name="Use the camera")).to_be_enabled()


async def test_a_server_that_is_gone_is_named(site: Site, page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("ERR_CONNECTION_REFUSED")
    await page.goto(site.url)
    await site.connected()
    await site.stop()
    await expect(page.locator("#connection")).to_contain_text("The connection to the server was lost.")
    await page.get_by_role("button", name="Use the camera").click()
    await expect(page.locator("#problem")).to_contain_text("The server does not answer.")
    await site.start()


async def test_the_picture_is_sent_again_after_a_restart(
    site: Site, page: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("ERR_CONNECTION_REFUSED")
    await watch_camera(site, page)
    await site.say(scores(AUTHENTIC))
    await site.stop()
    await expect(page.locator("#standing")).to_have_text("Connection lost · retrying")
    await site.start()
    await site.connected()
    await sent_anew(page)
    assert [(method, path) for method, path, _ in site.requests] == [
        ("POST", "/whip"),
        ("DELETE", "/whip/c1"),
        ("POST", "/whip"),
    ]
    await site.say(session("c2"), scores(SYNTHETIC, session="c2"))
    await expect(page.locator("#faces li")).to_contain_text("Likely synthetic")


async def sent_anew(page: Page) -> None:
    """Wait until the page has the server's answer to its second offer."""
    overlay = page.get_by_role("link", name="Overlay")
    await expect(overlay).to_have_attribute("href", "/overlay?session=c2", timeout=15_000)


async def asked(site: Site, count: int) -> None:
    """Wait until so many requests have come."""
    async with asyncio.timeout(15):
        while len(site.requests) < count:
            await asyncio.sleep(0.05)


async def posted(site: Site, count: int) -> None:
    """Wait until so many offers have come."""
    async with asyncio.timeout(15):
        while len([method for method, _, _ in site.requests if method == "POST"]) < count:
            await asyncio.sleep(0.05)


async def fail_connection(page: Page) -> None:
    """Let the newest connection fail as it does some 15 s after the server is gone."""
    await page.evaluate(
        """() => {
            const peer = window.peers[window.peers.length - 1];
            Object.defineProperty(peer, "connectionState", { value: "failed" });
            peer.onconnectionstatechange();
        }"""
    )


KEEP_PEERS = """
window.peers = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
    constructor(...given) { super(...given); window.peers.push(this); }
};
"""


async def test_an_outage_longer_than_the_connection_is_survived(
    site: Site, page: Page, expected_errors: list[str]
) -> None:
    """The connection fails while nobody answers: the picture goes out again once somebody does."""
    expected_errors.append("ERR_CONNECTION_REFUSED")
    await page.add_init_script(KEEP_PEERS)
    await watch_camera(site, page)
    await site.stop()
    await expect(page.locator("#standing")).to_have_text("Connection lost · retrying")
    await fail_connection(page)
    await expect(page.locator("#problem")).to_contain_text("The server does not answer.")
    await site.start()
    await site.connected()
    await sent_anew(page)
    await site.say(session("c2"), scores(SYNTHETIC, session="c2"))
    await expect(page.locator("#faces li")).to_contain_text("Likely synthetic")
    await expect(page.locator("#problem")).to_be_hidden()


async def test_a_server_that_refuses_for_a_while_is_asked_again(
    site: Site, page: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("Failed to load resource")
    await page.add_init_script(KEEP_PEERS)
    await watch_camera(site, page)
    site.whip_status, site.whip_text = 503, "too many sessions"
    await site.hang_up()
    await fail_connection(page)
    await expect(page.locator("#problem")).to_contain_text("too many sessions")
    await expect(page.locator("#standing")).to_have_text("The picture is not being sent. Trying again…")
    await site.turn_away()
    await posted(site, 3)
    site.whip_status = 201
    await posted(site, 4)
    await expect(page.locator("#problem")).to_be_hidden()
    assert await page.evaluate("window.peers.filter((one) => one.connectionState !== 'closed').length") <= 2


async def test_a_new_token_meanwhile_is_asked_for(site: Site, page: Page, expected_errors: list[str]) -> None:
    """The server came back with another token: the picture waits for it, and goes on."""
    expected_errors.append("Failed to load resource")
    await page.add_init_script(KEEP_PEERS)
    site.token = "old-token"
    await watch_camera(site, page, "#token=old-token")
    site.token = "new-token"
    await site.turn_away()
    await fail_connection(page)
    await expect(page.get_by_text("The one it was given is not right.")).to_be_visible()
    await page.get_by_label("Token", exact=True).fill("new-token")
    await page.get_by_role("button", name="Use it").click()
    await posted(site, 3)
    assert site.requests[-1] == ("POST", "/whip", "Bearer new-token")
    await expect(page.locator("#problem")).to_be_hidden()
    await expect(page.locator("#token")).to_be_hidden()


async def test_a_session_that_ends_at_the_server_says_why(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await site.say(session(state="ended", reason="no frames for 30 s"))
    await expect(page.locator("#problem")).to_contain_text("The server ended the session.")
    await expect(page.locator("#problem")).to_contain_text("no frames for 30 s")
    await expect(page.get_by_role("button", name="Share a window")).to_be_visible()


async def test_the_end_of_the_sharing_is_noticed(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await page.evaluate(
        "document.getElementById('preview').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    await expect(page.locator("#problem")).to_contain_text("The sharing has ended.")
    await asked(site, 2)
    assert site.requests[-1][:2] == ("DELETE", "/whip/c1")


async def test_a_document_floats_above_the_call(site: Site, page: Page) -> None:
    await watch_camera(site, page)
    await site.say(scores(SYNTHETIC))
    async with page.context.expect_page() as opened:
        await page.get_by_role("button", name="Keep on top").click()
    small = await opened.value
    await expect(small.locator("li")).to_contain_text("Likely synthetic")
    await expect(small.locator("body")).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    assert await small.evaluate("document.styleSheets.length") == 2
    await site.say(scores(AUTHENTIC))
    await expect(small.locator("li")).to_contain_text("Looks authentic")
    await page.get_by_role("button", name="Close the small window").click()
    await expect(page.get_by_role("button", name="Keep on top")).to_be_visible()


async def test_without_documents_a_drawn_video_floats(site: Site, page: Page) -> None:
    await page.add_init_script(
        """delete window.documentPictureInPicture;
        Object.defineProperty(Document.prototype, "pictureInPictureEnabled", { get: () => true });
        HTMLVideoElement.prototype.requestPictureInPicture = async function () { window.floated = this; };"""
    )
    await watch_camera(site, page)
    await site.say(scores(*gallery(3)))
    await page.get_by_role("button", name="Keep on top").click()
    await page.wait_for_function("window.floated && window.floated.videoWidth > 300")
    shot = await page.evaluate("document.querySelector('canvas.floating-canvas').toDataURL()")
    drawn = np.asarray(Image.open(BytesIO(b64decode(shot.partition(",")[2]))).convert("RGB")).reshape(-1, 3)
    assert (np.abs(drawn.astype(int) - (213, 94, 0)).max(axis=1) < 4).sum() > 300, "the alarm's octagon"


async def test_without_either_a_small_window_opens(site: Site, page: Page) -> None:
    await page.add_init_script(
        """delete window.documentPictureInPicture;
        Object.defineProperty(Document.prototype, "pictureInPictureEnabled", { get: () => false });"""
    )
    await watch_camera(site, page, "#token=t")
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Keep on top").click()
    small = await opened.value
    assert small.url == f"{site.url}/overlay?opaque=1&corner=tl&size=s&session=c1#token=t"
