from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from stream_guard.face import Reason
from stream_guard.models.store import default_model
from stream_guard.recording.compose import recording, report, settings
from stream_guard.recording.document import CAUTION, Recording, Report, Verdict
from stream_guard.recording.report import CONTENT_POLICY, render
from stream_guard.scoring.observation import State
from tests.unit.recording.scenes import FILE, LIVE, face_score, record, scored, swapped_call

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=1>.mp4"


def made(*recordings: Recording, known: bool = True) -> Report:
    _, manifest = default_model()
    return report(
        recordings,
        model=f"{manifest.name} {manifest.version}",
        model_sha256=manifest.sha256,
        manifest=manifest if known else None,
        settings=settings(manifest if known else None, false_alarms_per_hour=1.0, engine="scripted"),
    )


class Page(HTMLParser):
    """Every tag, and every attribute that could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"} or name.startswith("on")]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)  # as path and rect end

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_says_what_was_seen() -> None:
    one = recording(swapped_call().snapshot(), sha256="ab" * 32, size=1234)
    page = render(made(one))
    parsed = Page(page)
    assert parsed.open == [], "every tag is closed"
    assert not {"script", "iframe", "object", "link", "form"} & set(parsed.tags)
    assert all(load.startswith("data:image/jpeg;base64,") for load in parsed.loads)
    assert CONTENT_POLICY in page
    for words in (
        "Likely synthetic",
        "alarm raised, face 1",
        "too dark 1.0 s",
        "in view 8.0 s, judged 7.0 s",
        "VP8",
        "800 kb/s",
        *("ab" * 32, "1234 bytes", made(one).model_sha256),
        "1 (in use)",
    ):
        assert words in page, words
    _, manifest = default_model()
    assert manifest.limits[0] in page
    assert all(line in page for line in CAUTION)


def test_three_pictures_a_moment_and_all_of_them_are_pictures() -> None:
    page = Page(render(made(recording(swapped_call().snapshot()))))
    pictures = [base64.b64decode(load.split(",")[1]) for load in page.loads]
    assert len(pictures) == 9, "first look, lowest and alarm: wide, crop and patch map of each"
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures)


def test_what_comes_from_outside_is_text() -> None:
    one = recording(swapped_call().snapshot())
    moment = one.moments[0].model_copy(update={"note": HOSTILE, "engine": HOSTILE})
    hostile = one.model_copy(update={"label": HOSTILE, "kind": HOSTILE, "broken": HOSTILE, "moments": (moment,)})
    page = render(made(hostile).model_copy(update={"model": HOSTILE, "model_sha256": HOSTILE}))
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert all(load.startswith("data:") for load in parsed.loads)
    assert page.count("&lt;script&gt;") >= 5


def test_no_score_is_shown_where_there_was_none() -> None:
    unseen = recording(record().snapshot(), verdict=Verdict(state=State.CANNOT_JUDGE, frames=9, scored=0, faces=0))
    page = render(made(unseen))
    assert 'class="verdict ">Cannot be judged</p>' in page
    assert "No face was found." in page
    assert "No moment was kept." in page


def test_a_face_that_was_hardly_judged_is_marked_as_such() -> None:
    made_up = record()
    for number in range(30):
        face = face_score(value=None, state=State.CANNOT_JUDGE, reasons=(Reason.DARK,))
        made_up.scored(scored(number / 10, face if number > 5 else face_score()))
    page = render(made(recording(made_up.snapshot())))
    assert "Most of the time this face could not be judged" in page


def test_a_live_session_is_not_called_authentic() -> None:
    calm = record(LIVE)
    for number in range(30):
        calm.scored(scored(number / 10, face_score()))
    page = render(made(recording(calm.snapshot())))
    assert "Looked authentic while it could be judged; no alarm" in page
    assert "2026-11-22 09:30:00 UTC" in page


def test_without_the_manifest_no_error_rate_is_made_up() -> None:
    page = render(made(recording(swapped_call().snapshot()), known=False))
    assert "was not at hand" in page
    assert "clip AUC" not in page


def test_turned_off_moments_are_told_from_none() -> None:
    page = render(made(recording(swapped_call(FILE, pictures=False).snapshot())))
    assert "that was turned off" in page
    assert "<img" not in page


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    style = re.search(r"<style>(.*?)</style>", render(made()), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in CONTENT_POLICY
