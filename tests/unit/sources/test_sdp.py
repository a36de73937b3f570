from __future__ import annotations

import contextlib
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import SignallingError
from stream_guard.sources.sdp import (
    check_offer,
    parse_fragment,
    set_candidates_aside,
    video_codec,
    with_bitrate,
)

pytestmark = pytest.mark.property

HEAD = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10"]
VIDEO = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102",
    "a=mid:1",
    "a=sendonly",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
    "a=rtpmap:102 H264/90000",
    "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f",
]
ADDED = "x-google-start-bitrate=2500;x-google-min-bitrate=2500;x-google-max-bitrate=6000"


def text(*sections: list[str], ends: str = "\r\n") -> str:
    return "".join(line + ends for section in sections for line in section)


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
def test_each_video_codec_gets_the_bitrate(ends: str) -> None:
    lines = with_bitrate(text(HEAD, AUDIO, VIDEO, ends=ends)).split(ends)
    assert f"a=fmtp:96 {ADDED}" in lines
    assert lines.index(f"a=fmtp:96 {ADDED}") == lines.index("a=rtpmap:96 VP8/90000") + 1
    assert f"a=fmtp:102 packetization-mode=1;profile-level-id=42e01f;{ADDED}" in lines
    assert "a=fmtp:97 apt=96" in lines
    assert "a=fmtp:111 minptime=10" in lines
    assert sum(ADDED in line for line in lines) == 2


value = st.text(string.ascii_letters + string.digits + " :=;/-.+", max_size=30)
attribute = st.builds(
    lambda name, rest: f"a={name}:{rest}", st.sampled_from(["x", "ssrc", "rtcp-fb", "extmap"]), value
)
payload = st.integers(0, 127)
rtpmap = st.builds(
    lambda pt, name: f"a=rtpmap:{pt} {name}/90000", payload, st.sampled_from(["VP8", "H264", "rtx", "red", "AV1"])
)
fmtp = st.builds(lambda pt, rest: f"a=fmtp:{pt} {rest}", payload, value)
media = st.builds(
    lambda kind, lines: [f"m={kind} 9 UDP/TLS/RTP/SAVPF 96", *lines],
    st.sampled_from(["audio", "video", "application"]),
    st.lists(st.one_of(attribute, rtpmap, fmtp), max_size=12),
)


@given(st.lists(attribute, max_size=5), st.lists(media, max_size=4), st.sampled_from(["\r\n", "\n"]))
def test_nothing_else_is_changed(session: list[str], sections: list[list[str]], ends: str) -> None:
    before = text(["v=0", *session], *sections, ends=ends)
    after = with_bitrate(before)
    undone = re.sub(rf"a=fmtp:\d+ {ADDED}(\r?\n)", "", after).replace(f";{ADDED}", "")
    assert undone == before


@given(st.lists(attribute, max_size=5), st.lists(media, max_size=4), st.sampled_from(["\r\n", "\n"]))
def test_an_offer_without_what_is_set_aside_stays_as_it_is(
    session: list[str], sections: list[list[str]], ends: str
) -> None:
    before = text(["v=0", *session], *sections, ends=ends)
    assert set_candidates_aside(before) == (before, ())


def test_mdns_candidates_and_the_end_are_set_aside() -> None:
    hidden = "a=candidate:1 1 udp 2122 0e3a7b1c-aaaa.local 50000 typ host"
    plain = "a=candidate:2 1 udp 2122 192.0.2.1 50000 typ host"
    offer = text(HEAD, AUDIO, [*VIDEO, hidden, plain, "a=end-of-candidates"])
    kept, aside = set_candidates_aside(offer)
    assert kept == text(HEAD, AUDIO, [*VIDEO, plain])
    assert aside == (("1", hidden.removeprefix("a=candidate:")),)


def test_candidates_beyond_the_hundredth_are_left_out() -> None:
    many = [f"a=candidate:{n} 1 udp 1 127.0.0.1 {1024 + n} typ host" for n in range(150)]
    hidden = [f"a=candidate:{n} 1 udp 1 {n}.local 9 typ host" for n in range(150)]
    kept, aside = set_candidates_aside(text(HEAD, [*VIDEO, *many[:60], *hidden, *many[60:]]))
    assert kept.count("a=candidate:") == 60
    assert len(aside) == 40


def test_mixed_line_ends_hide_no_candidates() -> None:
    many = [f"a=candidate:{n} 1 udp 1 {n}.local 9 typ host" for n in range(150)]
    offer = text(HEAD, [*VIDEO, *many, "a=end-of-candidates"], ends="\n").replace("\n", "\r\n", 1)
    kept, aside = set_candidates_aside(offer)
    assert "candidate" not in kept
    assert len(aside) == 100


def test_which_codec_a_sender_uses() -> None:
    assert video_codec(text(HEAD, AUDIO, VIDEO)) == "VP8"
    turned = [VIDEO[0].replace("96 97 102", "97 102 96"), *VIDEO[1:]]
    assert video_codec(text(HEAD, turned)) == "H264"
    assert video_codec(text(HEAD, AUDIO)) == ""


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        ("", 400),
        ("hello", 400),
        (text(HEAD), 400),
        (text(HEAD, AUDIO), 422),
        (text(HEAD, [line.replace("sendonly", "inactive") for line in VIDEO]), 422),
        (text(HEAD, VIDEO, VIDEO), 406),
        (text(HEAD, [line.replace("VP8", "VP9").replace("H264", "AV1") for line in VIDEO]), 406),
        (text(HEAD, ["m=video 9 UDP/TLS/RTP/SAVPF 96"]), 406),
    ],
)
def test_offers_that_cannot_be(offer: str, status: int) -> None:
    with pytest.raises(SignallingError) as refused:
        check_offer(offer)
    assert refused.value.status == status
    assert "\n" not in str(refused.value)


def test_offers_that_can() -> None:
    check_offer(text(HEAD, AUDIO, VIDEO))
    check_offer(text(HEAD, VIDEO, [line.replace("sendonly", "inactive") for line in VIDEO], ends="\n"))


def test_fragments() -> None:
    fragment = parse_fragment(
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
    assert (fragment.ufrag, fragment.password) == ("EsAw", "P2uYro")
    assert fragment.candidates == (("0", "1387637174 1 udp 2122260223 192.0.2.1 61764 typ host"),)
    for bad in ("", "\r\n", "hello", "a=mid:0\nhello"):
        with pytest.raises(SignallingError, match="sdpfrag"):
            parse_fragment(bad)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: "v=0\r\nm=video " + data.decode("latin-1")))
def test_no_text_breaks_the_reading(offer: str) -> None:
    for read in (check_offer, parse_fragment):
        with contextlib.suppress(SignallingError):
            read(offer)
    set_candidates_aside(offer)
    with_bitrate(offer)
    video_codec(offer)
