"""What holds for all pages: plain files for Chrome 103, a clean console, a client that looks after itself."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from stream_guard.budget.plan import DropCause
from stream_guard.face import Reason
from stream_guard.scoring.observation import EventKind, State
from tests.browser.conftest import PAGES, Site
from tests.browser.examples import AUTHENTIC, event, scores, session, stats

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

# OBS 28 to 30 carry Chrome 103; the number is the version of Chrome that brought each of these.
TOO_NEW_SCRIPT = {
    r"\.(toSorted|toReversed|toSpliced)\(|\)\.with\(": 110,
    r"Array\.fromAsync|\.fromAsync\(": 121,
    r"(Object|Map)\.groupBy": 117,
    r"Promise\.(withResolvers|try)": 119,
    r"AbortSignal\.any": 116,
    r"URL\.(canParse|parse)\(": 120,
    r"new Set\([^)]*\)\.(union|intersection|difference|isSubsetOf)\(": 122,
    r"\bRegExp\.escape|/[dgimsuy]*v[dgimsuy]*;": 112,
    r"\bstructuredClone\b|\bIterator\b|\.checkVisibility\(|\bscheduler\.": 105,
    r"^import .* (with|assert) \{": 123,
}
TOO_NEW_STYLE = {
    r":has\(": 105,
    r"@container|container-type": 105,
    r"color-mix\(|oklch\(|oklab\(|light-dark\(": 111,
    r"^\s*&|\{[^{}]*&[^{}]*\{": 112,
    r"@media[^{]*[<>]": 104,
    r"^\s*(translate|rotate|scale):": 104,
    r"\d(dvh|svh|lvh|dvw)\b": 108,
    r"@scope|@starting-style|anchor\(|\bsubgrid\b": 117,
}


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in PAGES.glob(pattern))


def found(path: Path, patterns: dict[str, int]) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return [
        f"{path.name}: {hit.group(0)!r} needs Chrome {version}"
        for pattern, version in patterns.items()
        for hit in re.finditer(pattern, text, flags=re.M)
    ]


@pytest.mark.parametrize("path", files("*.js"), ids=lambda path: path.name)
def test_scripts_need_no_more_than_chrome_103(path: Path) -> None:
    assert found(path, TOO_NEW_SCRIPT) == []


@pytest.mark.parametrize("path", files("*.css"), ids=lambda path: path.name)
def test_styles_need_no_more_than_chrome_103(path: Path) -> None:
    """Documents in picture-in-picture exist only where newer styles do too, but the sheets are shared."""
    assert found(path, TOO_NEW_STYLE) == []


@pytest.mark.parametrize("path", files("*.html", "*.js", "*.css"), ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    addresses = set(re.findall(r"(?:https?|wss?):\\?/\\?/[^\s\"'`)]+", path.read_text()))
    allowed = ("http://127.0.0.1", "ws://127.0.0.1", "http://www.w3.org/2000/svg")
    assert {address for address in addresses if not address.startswith(allowed)} == set()


@pytest.mark.parametrize("path", files("*.html"), ids=lambda path: path.name)
def test_markup_keeps_to_the_policy(path: Path) -> None:
    """No inline script, no style attribute, no handler attribute: the policy refuses them."""
    text = path.read_text()
    assert re.findall(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)", text) == []


@pytest.mark.parametrize("path", files("*.js"), ids=lambda path: path.name)
def test_text_never_becomes_html(path: Path) -> None:
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text()) == []


async def test_every_word_of_the_wire_has_words(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/overlay")
    raw = await page.evaluate(
        """async ({ states, reasons, causes, kinds }) => {
            const { stateWord, reasonWords, causeWords, eventWords } = await import("/pages/words.js");
            const plain = (code) => code.replace(/_/g, " ");
            return [
                ...states.filter((code) => stateWord(code) === plain(code)),
                ...reasons.filter((code) => reasonWords(code).short === plain(code) || !reasonWords(code).todo),
                ...causes.filter((code) => causeWords(code) === plain(code)),
                ...kinds.filter((kind) => eventWords({ kind, state: "synthetic" }) === plain(kind)),
            ];
        }""",
        {"states": list(State), "reasons": list(Reason), "causes": list(DropCause), "kinds": list(EventKind)},
    )
    assert raw == []


@pytest.mark.parametrize("path", ["/", "/overlay?boxes=1&list=1", "/dashboard"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_strange_messages_break_nothing(site: Site, chromium: Browser, path: str, scheme: str) -> None:
    """A newer server may say things this page does not know; nothing of it may break or be run."""
    page = await chromium.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await page.goto(site.url + path)
    await site.connected()
    newer = scores(AUTHENTIC).model_dump_json().replace('"authentic"', '"<b>new_state</b>"')
    await site.say(
        "not json", "null", "[]", "17", '{"type":"from_the_future","session":"c1"}', session(label="<i>x</i>")
    )
    await site.say(newer, stats(superseded=1), event(EventKind.SCENE_CUT), scores(AUTHENTIC))
    await page.wait_for_timeout(700)
    assert errors == []
    assert await page.locator("#faces i, #sessions i, li b b").count() == 0
    await page.close()


CONTROLS = """[...document.querySelectorAll("a, button, select, input")]
    .filter((one) => one.offsetParent && !one.disabled)"""


@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_the_keyboard_reaches_everything_and_shows_where_it_is(site: Site, page: Page, path: str) -> None:
    await page.goto(site.url + path)
    await site.connected()
    await site.say(session(), scores(AUTHENTIC))
    if path == "/dashboard":
        await expect(page.locator("#trust button")).to_be_visible()
    await expect(page.locator("#connection")).to_have_text("Connected")
    wanted = await page.evaluate(f"{CONTROLS}.length")
    reached: dict[int, str] = {}
    for _ in range(2 * wanted):  # what scrolls may be reached, too
        await page.keyboard.press("Tab")
        place, outline = await page.evaluate(
            f"[{CONTROLS}.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached[place] = outline
    reached.pop(-1, None)
    assert reached == dict.fromkeys(range(wanted), "solid")


async def test_links_carry_the_token(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/#token=s3cret")
    await page.get_by_role("link", name="Dashboard").click()
    await expect(page).to_have_url(f"{site.url}/dashboard#token=s3cret")
    await site.connected()
    assert set(site.tokens) == {"s3cret"}


@pytest.mark.parametrize("path", ["/", "/dashboard", "/overlay"])
async def test_a_missing_token_is_asked_for(site: Site, page: Page, path: str) -> None:
    site.token = "s3cret-token"
    await page.goto(site.url + path)
    form = page.get_by_role("form", name="This server wants its token")
    field = form.get_by_label("Token", exact=True)
    await expect(field).to_have_attribute("type", "password")
    await expect(field).to_be_focused()
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(form).to_contain_text("The one it was given is not right.")
    await field.fill("s3cret-token")
    await form.get_by_role("button", name="Use it").click()
    await site.connected()
    await expect(form).to_be_hidden()
    assert set(site.tokens[:-1]) == {None, "wrong"}
    assert site.tokens[-1] == "s3cret-token"
    await page.reload()
    await site.connected()
    assert site.tokens[-1] == "s3cret-token", "this tab remembers it"
    assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    other = await page.context.new_page()
    await other.goto(site.url + path)
    await expect(other.get_by_role("form")).to_be_visible()


async def test_a_typed_token_takes_the_place_of_a_wrong_one(site: Site, page: Page) -> None:
    site.token = "s3cret-token"
    await page.goto(f"{site.url}/dashboard?session=c1#token=old")
    await page.get_by_label("Token", exact=True).fill("s3cret-token")
    await page.get_by_role("button", name="Use it").click()
    await site.connected()
    await expect(page).to_have_url(f"{site.url}/dashboard?session=c1")
    await page.get_by_role("link", name="Overlay").click()
    await expect(page).to_have_url(f"{site.url}/overlay#token=s3cret-token")
    await expect(page.locator("#pill")).to_have_text("No call yet")


async def test_whip_asks_for_the_token_too(site: Site, page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("401")
    await page.goto(site.url)
    await site.connected()
    site.token = "s3cret-token"
    camera = page.get_by_role("button", name="Use the camera")
    await camera.click()
    await expect(page.locator("#problem")).to_contain_text("The server wants its token.")
    await page.get_by_label("Token", exact=True).fill("s3cret-token")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#token")).to_be_hidden()
    await camera.click()
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert [shown for _, _, shown in site.requests] == [None, "Bearer s3cret-token"]
    await expect(page.get_by_role("link", name="Overlay")).to_have_attribute(
        "href", "/overlay?session=c1#token=s3cret-token"
    )


CLIENT = """
async ({ script, options }) => {
    const { connect } = await import("/pages/stream-guard.js");
    window.guard = connect(undefined, options);
    window.seen = [];
    for (const name of ["hello", "status", "stale", "event"]) {
        window.guard.on(name, (value) => window.seen.push([name, value.kind || value.id || value.server || value]));
    }
}
"""


async def start_client(site: Site, page: Page, **options: object) -> None:
    """A bare page with a client of its own in ``window.guard``."""
    await page.goto(f"{site.url}/pages/icon.svg")
    await page.evaluate(CLIENT, {"script": "", "options": options})
    await site.connected()


async def test_the_client_asks_for_what_it_was_told(site: Site, page: Page) -> None:
    await start_client(site, page, sessions=["c1"], types=["scores", "event"], maxRate=5, token="t")
    await page.wait_for_function("window.guard.status === 'open'")
    await page.evaluate("window.guard.subscribe({ types: ['event'] })")
    async with asyncio.timeout(10):
        while len(site.subscriptions) < 2:
            await asyncio.sleep(0.02)
    first, second = site.subscriptions
    assert (first.sessions, first.types, first.max_rate) == (("c1",), ("scores", "event"), 5)
    assert (second.sessions, second.types, second.max_rate) == (None, ("event",), None)
    assert site.tokens == ["t"]


async def test_the_client_without_wishes_says_nothing(site: Site, page: Page) -> None:
    await start_client(site, page)
    await page.wait_for_timeout(200)
    assert site.subscriptions == []


async def test_the_client_ages_what_it_knows(site: Site, page: Page) -> None:
    await start_client(site, page)
    await page.evaluate(
        """() => window.guard.on("scores", () => {
            const view = window.guard.sessions.get("c1");
            window.young = [view.ageMs() >= 300, view.ageMs() < 1500, view.isStale()];
        })"""
    )
    await site.say(scores(AUTHENTIC, age_ms=300))
    await page.wait_for_function("window.young")
    assert await page.evaluate("window.young") == [True, True, False]
    await page.wait_for_function("window.guard.sessions.get('c1').faces()[0].state === 'stale'")
    await page.wait_for_function("window.seen.some(([name, id]) => name === 'stale' && id === 'c1')")


async def test_the_client_comes_back_after_a_restart(site: Site, page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("ERR_CONNECTION_REFUSED")
    await start_client(site, page)
    await site.say(session(), scores(AUTHENTIC))
    await page.wait_for_function("window.guard.sessions.size === 1")
    await site.stop()
    await page.wait_for_function("window.guard.status === 'lost'")
    assert await page.evaluate("window.guard.problem") == "The connection to the server was lost."
    await page.wait_for_timeout(1500)
    await site.start()
    await site.connected()
    await page.wait_for_function("window.guard.status === 'open'")
    assert await page.evaluate("window.guard.sessions.size") == 0, "the same id may now be another call"
    assert await page.evaluate("window.guard.problem") is None


async def test_a_slow_reader_loses_scores_but_no_event(site: Site, page: Page) -> None:
    await start_client(site, page)
    await page.evaluate(
        """() => { window.reader = window.guard[Symbol.asyncIterator](); window.first = window.reader.next(); }"""
    )
    for _ in range(5):
        await site.say(scores(AUTHENTIC), event(EventKind.SCENE_CUT))
    last = scores(AUTHENTIC)
    await site.say(last)
    await page.wait_for_function(f"window.guard.sessions.get('c1')?.scores?.frame === {last.frame}")
    read = await page.evaluate(
        """async () => {
            const messages = [(await window.first).value];
            while (!messages.some((one) => one.frame === window.guard.sessions.get("c1").scores.frame)) {
                messages.push((await window.reader.next()).value);
            }
            return messages.map((one) => one.type);
        }"""
    )
    assert read.count("event") == 5
    assert read.count("scores") <= 2


async def test_the_loop_ends_when_the_client_closes(site: Site, page: Page) -> None:
    await start_client(site, page)
    count = await page.evaluate(
        """async () => {
            let count = 0;
            setTimeout(() => window.guard.close(), 300);
            for await (const message of window.guard) count += 1;
            return [count >= 0, window.guard.status];
        }"""
    )
    assert count == [True, "closed"]
    async with asyncio.timeout(10):
        while site.clients:
            await asyncio.sleep(0.02)


async def test_a_bad_callback_silences_nobody(site: Site, page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("on purpose")
    await start_client(site, page)
    await page.evaluate(
        """() => {
            window.heard = 0;
            window.guard.on("event", () => { throw new Error("on purpose"); });
            window.guard.on("event", () => { window.heard += 1; });
        }"""
    )
    await site.say(event(EventKind.SCENE_CUT))
    await page.wait_for_function("window.heard === 1")


async def test_another_version_is_named(site: Site, page: Page) -> None:
    site.hello = None
    await start_client(site, page)
    await site.say('{"type":"hello","v":2,"server":"stream-guard 9","model":{"status":"stable"}}')
    await page.wait_for_function("window.guard.status === 'open'")
    assert await page.evaluate("window.guard.problem") == "The server speaks version 2, this page 1."
