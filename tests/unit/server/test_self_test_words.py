"""The words of a self-test follow from its figures, and promise nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from stream_guard.face import Reason
from stream_guard.pipeline.self_test import Finding
from stream_guard.pipeline.self_test_figures import Figures
from stream_guard.server.self_test_words import finding_words
from stream_guard.sources.re_encode import VideoSetting

pytestmark = pytest.mark.unit

CALL = VideoSetting("VP8", 1280, 720, 30, 300)
FIGURES = Figures(frames=58, looks=17.0, before=-3.0, after=-2.2, margin=0.3)
FOUND = Finding(CALL, sent=VideoSetting("VP8", 640, 360, 15, 38), reached_kbps=290.0, with_face=60, figures=FIGURES)


def test_a_move_is_told_with_its_interval_and_what_to_do() -> None:
    words = finding_words(FOUND, share=1.0)
    assert words == (
        "Your own face, sent like this call, moves towards synthetic by 0.8: weigh the call's score accordingly, a "
        "low one means less here.",
        "Authenticity 95% before, 90% after; as a log-likelihood ratio +0.8, 95 % interval +0.5 to +1.1, over 58 "
        "pictures.",
        "The call comes with 300 kb/s in VP8; your picture would take 290 kb/s at its size and rate.",
        "This is your face, with your camera and your light; theirs may move otherwise. It does not say how many "
        "swaps are still noticed.",
    )


@pytest.mark.parametrize(
    ("after", "margin", "words"),
    [
        (-2.9, 0.3, "Your own face, sent like this call, hardly moves."),
        (-2.6, 0.3, "hardly moves."),
        (-3.9, 0.3, "moves towards authentic by 0.9: weigh the call's score accordingly, a high one"),
        (-2.6, 1.0, "Whether your own face, sent like this call, scores otherwise cannot be told from so little."),
        (-1.0, 1.5, "moves towards synthetic by 2.0:"),
    ],
)
def test_what_is_said_follows_from_the_move_and_its_interval(after: float, margin: float, words: str) -> None:
    found = replace(FOUND, figures=replace(FIGURES, after=after, margin=margin))
    assert words in finding_words(found, share=1.0)[0]


def test_few_bits_are_said_to_hide_swaps_too() -> None:
    words = finding_words(FOUND, share=0.42)
    assert any("about 42% of the model's evidence is left" in line for line in words)


@pytest.mark.parametrize(
    ("reached", "left_out", "words"),
    [
        (402.0, 0, "could not be encoded with fewer bits"),
        (398.0, 0, None),
        (198.0, 0, "It needed no more"),
        (202.0, 0, None),
        (198.0, 20, "The encoder left out 20 pictures"),
    ],
)
def test_a_bitrate_that_is_missed_by_a_third_is_said(reached: float, left_out: int, words: str | None) -> None:
    said = " ".join(finding_words(replace(FOUND, reached_kbps=reached, left_out=left_out), share=1.0))
    hints = ("could not be encoded with fewer bits", "It needed no more", "The encoder left out 20 pictures")
    assert [hint for hint in hints if hint in said] == ([words] if words else [])


def test_a_face_that_cannot_be_judged_afterwards_is_said_with_the_reason() -> None:
    found = replace(FOUND, refused=Counter({Reason.BLURRED: 30, None: 10, Reason.DARK: 1}), figures=None)
    words = finding_words(found, share=1.0)
    assert words[0] == "Too little could be judged both before and after to say how far the score moves."
    assert words[1] == (
        "Sent like this call, your face could not be judged on 41 of 60 pictures: it became too blurred or the "
        "face was not found any more."
    )
    few = replace(FOUND, refused=Counter({Reason.BLURRED: 5}))
    assert "could not be judged" not in " ".join(finding_words(few, share=1.0))


def test_where_there_was_nothing_to_compare_it_says_what_is_needed() -> None:
    assert finding_words(Finding(CALL), share=1.0) == ("No picture of yours came, so nothing was compared.",)
    words = finding_words(replace(FOUND, with_face=0, figures=None, reached_kbps=None), share=1.0)
    assert words[0].startswith("Your own face could not be judged as it is")
    assert words[1] == "Too few pictures came for the encoder to settle."
