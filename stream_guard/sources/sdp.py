"""What we must know of, and change in, session descriptions (RFC 8866). Pure text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from stream_guard.errors import SignallingError, printable

__all__ = [
    "Fragment",
    "check_offer",
    "ice_credentials",
    "parse_fragment",
    "set_candidates_aside",
    "video_codec",
    "with_bitrate",
]

_BITRATE = "x-google-start-bitrate=2500;x-google-min-bitrate=2500;x-google-max-bitrate=6000"
"""Kilobits a second. Without it Chromium starts near 300 and shrinks 640x480 to 480x360 within two seconds, as
aiortc's only feedback is REMB; a detector would be fed a different picture."""

_DECODABLE = ("VP8", "H264")
_MAX_SECTIONS = 16
"""Media sections of an offer. Each one costs a thread once media flows; senders have two or three."""

_MAX_CANDIDATES = 100
"""Of an offer. Each one is probed; a peer with several networks has a dozen."""

_NOT_CODECS = ("RTX", "RED", "ULPFEC", "FLEXFEC-03")


@dataclass(frozen=True, slots=True)
class Fragment:
    """An ``application/trickle-ice-sdpfrag`` body (RFC 8840, section 4.4).

    Attributes:
        ufrag, password: ICE credentials of the session it speaks of; empty where it does not say.
        candidates: (media id, what follows ``a=candidate:``).
    """

    ufrag: str
    password: str
    candidates: tuple[tuple[str, str], ...]


def check_offer(offer: str) -> None:
    """Refuse an offer that cannot become a video stream here, with a line that says why.

    Raises:
        SignallingError: 400 no SDP; 422 no video in it, or not sent; 406 more than one video (RFC 9725,
            section 4.4.2), too many media sections, or no codec we decode.
    """
    lines = offer.splitlines()
    if not lines or lines[0].strip() != "v=0" or not any(line.startswith("m=") for line in lines):
        raise SignallingError(400, "the body is not an SDP offer")
    sections = list(_sections(lines))
    if len(sections) > _MAX_SECTIONS:
        raise SignallingError(406, f"the offer has {len(sections)} media sections; send {_MAX_SECTIONS} at most")
    videos = [section for section in sections if section[0].startswith("m=video ")]
    if not videos:
        raise SignallingError(422, "the offer has no video")
    sent = [section for section in videos if not {"a=recvonly", "a=inactive"} & set(section)]
    if not sent:
        raise SignallingError(422, "the offer sends no video: it is recvonly or inactive")
    if len(sent) > 1:
        raise SignallingError(406, "the offer sends more than one video; send one")
    codecs = [name for name in dict.fromkeys(_codecs(sent[0]).values()) if name not in _NOT_CODECS]
    if not set(codecs) & set(_DECODABLE):
        offered = " and ".join(printable(name[:16]) for name in codecs[:8]) or "no codec at all"
        raise SignallingError(406, f"the offer has {offered}; this server takes VP8 and H264")


def with_bitrate(answer: str) -> str:
    """Ask Chromium, in our answer, to start its video at a bitrate that keeps the resolution.

    Adds to the ``a=fmtp`` line of each video codec, or a new line after the ``a=rtpmap`` of one that has none.
    Nothing else is changed.
    """
    ends = "\r\n" if "\r\n" in answer else "\n"
    result: list[str] = []
    for section in [*_session(answer.split(ends)), *_sections(answer.split(ends))]:
        video = section[0].startswith("m=video ")
        wanted = {pt for pt, name in _codecs(section).items() if name not in _NOT_CODECS} if video else set()
        has_fmtp = {match[1] for line in section if (match := re.match(r"a=fmtp:(\d+) ", line))}
        for line in section:
            match = re.match(r"a=(fmtp|rtpmap):(\d+) ", line)
            result.append(line)
            if match is None or match[2] not in wanted:
                continue
            if match[1] == "fmtp":
                result[-1] = f"{line};{_BITRATE}"
            elif match[2] not in has_fmtp:
                result.append(f"a=fmtp:{match[2]} {_BITRATE}")
    return ends.join(result)


def set_candidates_aside(offer: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Take what would slow down or cut short the answer out of an offer.

    Candidates behind mDNS names (browsers hide addresses so when only a screen is shared) take aiortc a second
    to look up, so they are returned to be added later. ``a=end-of-candidates`` goes too: together with no
    candidates, as OBS from 30.2 offers, it would make ICE give up before the peer's own checks arrive.
    Candidates beyond the hundredth are left out as well.

    Returns:
        The offer without them, and (media id, what follows ``a=candidate:``) of each.
    """
    ends = "\r\n" if "\r\n" in offer else "\n"
    aside: list[tuple[str, str]] = []
    candidates = 0
    kept: list[str] = []
    lines = [*offer.splitlines(), ""]  # as aiortc does: mixed line ends hide nothing
    for section in [*_session(lines), *_sections(lines)]:
        mid = _mid(section)
        for line in section:
            value = line.removeprefix("a=candidate:")
            candidates += value != line
            if value != line and candidates > _MAX_CANDIDATES:
                continue
            if value != line and value.split()[4:5] and value.split()[4].endswith(".local"):
                aside.append((mid, value))
            elif line.rstrip() != "a=end-of-candidates":
                kept.append(line)
    return ends.join(kept), tuple(aside)


def parse_fragment(text: str) -> Fragment:
    """Read a trickle fragment.

    Raises:
        SignallingError: 400 for a line that is no SDP.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not lines or not all(re.match(r"[a-z]=", line) for line in lines):
        raise SignallingError(400, "the body is not a trickle-ice-sdpfrag")
    candidates = tuple(
        (_mid(section), line.removeprefix("a=candidate:"))
        for section in [*_session(lines), *_sections(lines)]
        for line in section
        if line.startswith("a=candidate:")
    )
    return Fragment(*ice_credentials(text), candidates)


def ice_credentials(text: str) -> tuple[str, str]:
    """Return the first (ufrag, password) of a description or fragment; empty where there is none."""
    found = [re.search(rf"^a=ice-{name}:(\S+)", text, re.MULTILINE) for name in ("ufrag", "pwd")]
    ufrag, password = (match[1] if match else "" for match in found)
    return ufrag, password


def video_codec(answer: str) -> str:
    """Return the name of the first video codec of an answer: the one a sender uses. Empty if there is none."""
    for section in _sections(answer.splitlines()):
        if section[0].startswith("m=video "):
            names = _codecs(section)
            order = section[0].split()[3:]
            return next((names[pt] for pt in order if pt in names and names[pt] not in _NOT_CODECS), "")
    return ""


def _session(lines: list[str]) -> list[list[str]]:
    """Return the lines before the first ``m=``, as a list of one section or none."""
    first = next((i for i, line in enumerate(lines) if line.startswith("m=")), len(lines))
    return [lines[:first]] if first else []


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """Yield each media section's lines, the ``m=`` line first."""
    starts = [i for i, line in enumerate(lines) if line.startswith("m=")]
    for start, end in pairwise([*starts, len(lines)]):
        yield lines[start:end]


def _codecs(section: list[str]) -> dict[str, str]:
    """Return {payload type: codec name, in capitals} of a section."""
    matches = (re.match(r"a=rtpmap:(\d+) ([^/\s]+)", line) for line in section)
    return {match[1]: match[2].upper() for match in matches if match}


def _mid(section: list[str]) -> str:
    return next((line[6:].strip() for line in section if line.startswith("a=mid:")), "")
