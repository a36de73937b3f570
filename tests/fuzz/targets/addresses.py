"""What sources are called: `stream_guard.sources.registry` and `stream_guard.sources.inputs`. Nothing is opened."""

from __future__ import annotations

import os

from stream_guard.errors import ConfigError
from stream_guard.sources.inputs import blot
from stream_guard.sources.registry import open_source
from tests.fuzz.target import Target, one_line, plain


def run(data: bytes) -> None:
    url = os.fsdecode(data.replace(b"\0", b""))
    try:
        source = open_source(url)
    except ConfigError as error:
        one_line(error, at_most=2 * len(url) + 500)
        return
    assert source.name.isprintable() or source.kind in {"camera", "screen"}
    if "://" in url and source.kind in {"rtsp", "rtmp", "whep"}:
        before = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
        if before.count("hush") == url.count("hush"):  # nowhere else
            assert "hush" not in source.name
    try:
        blot(url)
    except ValueError:
        assert source.kind in {"file", "camera", "screen", "pattern"}


TARGET = Target(
    "addresses",
    plain(run),
    (
        b"call.mp4",
        b"file:///tmp/a%20b.mp4",
        b"rtsp://user:hush@127.0.0.1:8554/cam?token=hush",
        b"rtmp://127.0.0.1:1935/live/hush?listen=1",
        b"udp://@239.0.0.1:5000?fifo_size=1",
        b"tcp://127.0.0.1:5000?listen=1",
        b"wheps://hush@host.example/path?token=hush",
        b"camera:/dev/video2?size=1280x720&fps=30",
        b"screen:1?size=1280x720&at=0,0&fps=15",
        b"pattern:?size=1280x720&fps=30&seconds=10",
        b"rtsp://[::1]:99999/x",
    ),
    ("stream_guard.sources.registry", "stream_guard.sources.inputs", "stream_guard.sources.pattern"),
    (
        b"://",
        b"@",
        b"[::1",
        b"]",
        b":99999",
        b"?",
        b"&",
        b"%00",
        b"%0a",
        b"#",
        b"size=0x0",
        b"fps=0",
        b"fps=nan",
        b"\xff",
    ),
    limit=1024,
)
