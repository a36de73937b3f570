from __future__ import annotations

import pytest

from stream_guard.errors import ConfigError
from stream_guard.sources.inputs import blot, camera_input, file_input, network_input, screen_input

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:hush@192.0.2.5:554/Streaming/101?token=hush", "rtsp://192.0.2.5:554/Streaming/101?***"),
        ("rtsp://cam/user=admin&password=hush&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
        ("rtmp://127.0.0.1:1935/live/hush?listen=1", "rtmp://127.0.0.1:1935/live/***?***"),
        ("rtmps://host/app/room/hush", "rtmps://host/app/***"),
        ("rtmp://host/app", "rtmp://host/app"),
        ("wheps://hush@host/x?token=hush", "wheps://host/x?***"),
        ("udp://127.0.0.1:5000", "udp://127.0.0.1:5000"),
        ("rtsp://admin:hu/sh@192.0.2.5/Streaming/101", "rtsp://***"),
        ("rtsp://admin:hu#sh@192.0.2.5/Streaming/101", "rtsp://***"),
        ("rtsp://admin:hu?sh@192.0.2.5/Streaming/101", "rtsp://***"),
        ("rtsp://admin:hu@s/h@192.0.2.5/Streaming/101", "rtsp://***"),
        ("rtsp://admin:hush@192.0.2.5/x?to=a@b", "rtsp://192.0.2.5/x?***"),
    ],
)
def test_secrets_are_blotted_out(url: str, shown: str) -> None:
    assert blot(url) == shown
    assert "hush" not in shown


def test_files() -> None:
    described = file_input("/films/a clip: one.mp4")
    assert (described.address, described.name) == ("file:/films/a clip: one.mp4", "a clip: one.mp4")
    assert described.options["protocol_whitelist"] == "file"
    assert not described.live
    assert file_input("x.mp4", realtime=True).live
    assert file_input("file:///films/a%20b.mp4").address == "file:/films/a b.mp4"


def test_rtsp_prefers_tcp_and_keeps_the_cameras_query() -> None:
    described = network_input("rtsp://u:p@cam/x?channel=2&subtype=0")
    assert described.address == "rtsp://u:p@cam/x?channel=2&subtype=0"
    assert described.options["rtsp_flags"] == "prefer_tcp"
    assert (described.kind, described.live, described.waits) == ("rtsp", True, False)
    listening = network_input("rtsp://127.0.0.1:8554/live?listen=1")
    assert (listening.address, listening.waits) == ("rtsp://127.0.0.1:8554/live", True)
    assert listening.options["rtsp_flags"] == "listen"


def test_rtmp() -> None:
    listening = network_input("rtmp://127.0.0.1:1935/live/key?listen=1")
    assert (listening.address, listening.waits) == ("rtmp://127.0.0.1:1935/live/key", True)
    assert listening.options["listen"] == "1"
    pulled = network_input("rtmp://host/live/key?auth=x")
    assert (pulled.address, pulled.waits) == ("rtmp://host/live/key?auth=x", False)
    assert "listen" not in pulled.options


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp"])
def test_a_stream_may_name_no_file(scheme: str) -> None:
    allowed = network_input(f"{scheme}://127.0.0.1:5000/a/b").options["protocol_whitelist"].split(",")
    assert scheme in allowed
    assert not {"file", "concat", "data", "subfile", "http", "https", "hls", "pipe"} & set(allowed)


def test_udp_and_tcp() -> None:
    assert (
        network_input("udp://127.0.0.1:5000").address == "udp://127.0.0.1:5000?fifo_size=50000&overrun_nonfatal=1"
    )
    chosen = network_input("udp://239.0.0.1:5000?fifo_size=9&localaddr=192.0.2.1").address
    assert chosen == "udp://239.0.0.1:5000?fifo_size=9&overrun_nonfatal=1&localaddr=192.0.2.1"
    assert network_input("tcp://127.0.0.1:5000?listen=1").address == "tcp://127.0.0.1:5000?listen=1"
    assert network_input("tcp://127.0.0.1:5000").waits is False
    for url in ("udp://", "udp://127.0.0.1", "tcp://host", "tcp://host:x", "rtsp:///x", "srt://host:1"):
        with pytest.raises(ConfigError):
            network_input(url)


@pytest.mark.parametrize(
    ("url", "platform", "address", "format"),
    [
        ("camera:", "linux", "/dev/video0", "v4l2"),
        ("camera:2", "linux", "/dev/video2", "v4l2"),
        ("camera:/dev/video4?size=1280x720", "linux", "/dev/video4", "v4l2"),
        ("camera:", "darwin", "0:none", "avfoundation"),
        ("camera:Integrated%20Camera", "win32", "video=Integrated Camera", "dshow"),
    ],
)
def test_cameras(url: str, platform: str, address: str, format: str) -> None:
    described = camera_input(url, platform=platform)
    assert (described.address, described.format, described.kind) == (address, format, "camera")
    assert described.options.get("video_size") == ("1280x720" if "size" in url else None)


@pytest.mark.parametrize(
    ("url", "platform", "address", "format"),
    [
        ("screen:", "linux", ":7", "x11grab"),
        ("screen:1?at=10,20", "linux", ":7.1+10,20", "x11grab"),
        ("screen:?display=:3", "linux", ":3", "x11grab"),
        ("screen:1", "darwin", "Capture screen 1:none", "avfoundation"),
        ("screen:", "win32", "desktop", "gdigrab"),
    ],
)
def test_screens(url: str, platform: str, address: str, format: str) -> None:
    described = screen_input(url, platform=platform, environ={"DISPLAY": ":7"})
    assert (described.address, described.format, described.kind) == (address, format, "screen")
    assert described.options["framerate"] == "30"


def test_a_part_of_the_windows_screen() -> None:
    options = screen_input("screen:?at=10,20&size=640x480&fps=5", platform="win32").options
    assert dict(options) == {"framerate": "5", "video_size": "640x480", "offset_x": "10", "offset_y": "20"}


@pytest.mark.parametrize("url", ["camera:?zoom=2", "camera:?size=big", "camera:0"])
def test_device_options_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigError):
        camera_input(url, platform="win32")
