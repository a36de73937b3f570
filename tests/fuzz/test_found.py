"""What fuzzing has found, each input as small as it could be made; and inputs that could blow up."""

from __future__ import annotations

import gc

import pytest

from tests.fuzz.lines import traced
from tests.fuzz.targets import target

pytestmark = [pytest.mark.property, pytest.mark.timeout(60)]

PLAN = target("plan").seeds[0]

FOUND = {
    # A codec's name went into the answer with whatever it held.
    "sdp": [
        b"v=0\r\nm=video 9 x 9\r\na=rtpmap:9 \x1b[2J/90000\r\n",
        b"v=0\r\nm=video 9 x 9\r\na=rtpmap:9 A\xc2\x85B/1\r\n",
    ],
    "whip": [b"POST /whip\ncontent-type: application/sdp\n\nv=0\r\nm=video 9 x 9\r\na=rtpmap:9 \x07\x1b/90000\r\n"],
    # Escape sequences reached the terminal; a time that another zone puts before the year 1 ended in a traceback.
    "journal": [
        b'{"n":0,"at":"x","message":{"type":"session","session":"c","state":"live","kind":"x","label":"\\u001b[2J"}}\n',
        b'{"n":0,"at":"0001-01-01T00:00:00+14:00","evidence":"\\u009b"}\n',
        b'{"n":0,"at":"9999-12-31T23:59:59-14:00","evidence":"x"}\n',
    ],
    # The name of a key that is not known went into the message; numbers that are none were taken.
    "manifest": [b'{"\\u001b[31m\\n":1}'],
    # A GPU's name went into the reason with its line breaks; a plan's name that is no name ended in a traceback.
    "plan": [
        PLAN.replace(b'"gpu":""', b'"gpu":"\\n"'),
        PLAN.replace(b'"plan":"x.plan"', b'"plan":"x\\u0000"'),
        PLAN.replace(b'"plan":"x.plan"', b'"plan":".."'),
    ],
    # JSON nested beyond reason, and rows that are no CSV, ended in a traceback.
    "report": [b"[" * 3000, b'a,recording_sha256\n"' + b"a" * 140_000, b"\n----\n\n----\n\x1b"],
    # Arguments are bytes, and need not be text; names of settings went into the message at any length.
    "config": [
        b'{"host":"\\ud800"}',
        b'{"host":"254.0.0.\\uf8001"}',
        b'{"wa\\u007fch":1}',
        b'{"' + b"q" * 600 + b'":1}',
    ],
    # Names too long for any file, brackets that are no IPv6 address, and names that are no text.
    "addresses": [
        b"screen:?" + b"fps=15&" * 60,
        b"file://]",
        b"file:///[x].mp4",
        b"rtsp://h/\xff?x=\xff",
        b"rtmp://h/\x1b",
    ],
}


def test_a_manifest_with_numbers_that_are_none_is_refused() -> None:
    """A bias of NaN would make every score one."""
    whole = target("manifest").seeds[0]
    with target("manifest").opened() as run:
        for said in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
            odd = whole.replace(b'"bias":0.0', b'"bias":' + said)
            assert odd != whole
            run(odd)


BLOWN_UP = {
    "sdp": (
        b"v=0\r\n",
        b"m=video 9 x 96\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 x\r\na=candidate:1 1 udp 1 h.local 1 typ\r\n",
    ),
    "client": (b'{"type":"subscribe","sessions":[', b'"aaaaaaaa",'),
    "journal": (b"", b'{"n":0,"at":"x","message":{"type":"event"}}\n'),
    "manifest": (b'{"limits":[', b'"aaaaaaaa",'),
    "addresses": (b"rtsp://host/", b"token=a&@/"),
    "jitter": (b"\0", b"\0\1\0\0\0\0\1\4\x10\0\0\0"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_mended(name: str) -> None:
    with target(name).opened() as run:
        for data in FOUND[name]:
            run(data)


@pytest.mark.parametrize("name", BLOWN_UP)
def test_an_input_four_times_as_long_takes_four_times_the_steps(name: str) -> None:
    """Lines of Python executed, counted: at most in proportion, whatever the machine does meanwhile."""
    head, part = BLOWN_UP[name]
    with target(name).opened() as run:
        run(head + part)  # what happens once only
        gc.collect()  # nor do the last words of what other tests left behind count
        with traced(()) as few:
            run(head + part * 50)
        with traced(()) as many:
            run(head + part * 200)
    assert few.count > 0
    assert many.count <= 4.5 * few.count + 2000
