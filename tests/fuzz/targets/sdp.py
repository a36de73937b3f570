"""Offers, answers and trickle fragments as text: `stream_guard.sources.sdp`."""

from __future__ import annotations

import re
from contextlib import suppress

from stream_guard.errors import SignallingError
from stream_guard.sources import sdp
from tests.fuzz.target import Target, one_line, plain
from tests.fuzz.targets.offers import FRAGMENT, OFFER, WORDS


def run(data: bytes) -> None:
    text = data.decode(errors="replace")
    for read in (sdp.check_offer, sdp.parse_fragment):
        try:
            read(text)
        except SignallingError as error:
            one_line(error, statuses={400, 406, 422})
    ends = "\r\n" if "\r\n" in text else "\n"
    kept, aside = sdp.set_candidates_aside(text)
    assert sum(line.startswith("a=candidate:") for line in kept.splitlines()) <= 100
    assert "a=end-of-candidates" not in kept.splitlines()
    assert len(aside) <= 100
    answer = sdp.with_bitrate(text)
    if "x-google" not in text:
        added = (line.partition(";x-google")[0] for line in answer.split(ends))
        kept_lines = [line for line in added if not re.fullmatch(r"a=fmtp:\d+ x-google.*", line)]
        assert kept_lines == text.split(ends), "nothing but bitrates is added"
    assert len(answer) <= len(text) + 100 * (text.count("\n") + 1)
    ufrag, password = sdp.ice_credentials(text)
    assert not {" ", "\n"} & {*ufrag, *password}
    sdp.video_codec(text)
    with suppress(SignallingError):
        assert len(sdp.parse_fragment(text).candidates) <= text.count("a=candidate:")


TARGET = Target(
    "sdp", plain(run), (OFFER, FRAGMENT, b"v=0\r\nm=video 9 x 1\r\n"), ("stream_guard.sources.sdp",), WORDS
)
