from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream_guard.errors import ConfigError
from stream_guard.sources.registry import SCHEMES, open_source

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "kind", "live"),
    [
        ("clip.mp4", "file", False),
        ("/films/clip.mp4", "file", False),
        (r"C:\films\clip.mp4", "file", False),
        ("file:///films/clip.mp4", "file", False),
        ("rtsp://cam/1", "rtsp", True),
        ("RTSP://cam/1", "rtsp", True),
        ("rtmp://127.0.0.1:1935/live/k?listen=1", "rtmp", True),
        ("udp://127.0.0.1:5000", "udp", True),
        ("tcp://127.0.0.1:5000?listen=1", "tcp", True),
        ("whep://host/x", "whep", True),
        ("wheps://host/x", "whep", True),
        ("whep+http://host/x", "whep", True),
        ("pattern:", "pattern", True),
    ],
)
def test_each_form(url: str, kind: str, live: bool) -> None:
    source = open_source(url)
    assert (source.kind, source.live) == (kind, live)


def test_devices_of_this_platform() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the names are those of Linux")
    assert open_source("camera:1").name == "/dev/video1"
    assert open_source("screen:?display=:3").name == "screen :3"


def test_real_time_files() -> None:
    assert open_source("clip.mp4", realtime=True).live


def test_what_exists_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "call: monday.mp4").touch()
    assert open_source("call: monday.mp4").name == "call: monday.mp4"


@pytest.mark.parametrize("url", ["srt://host:1", "http://host/x", "ftp:x"])
def test_an_unknown_scheme_names_the_known(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_source(url)
    assert all(scheme in str(refused.value) for scheme in SCHEMES)


@pytest.mark.parametrize("url", ["whep://", "whep:x", "pattern:?size=1", "pattern:?colour=red", "pattern:?fps=0"])
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigError):
        open_source(url)


def test_the_list_costs_no_import() -> None:
    code = (
        "import sys; import stream_guard.sources.registry; "
        "print([name for name in ('av', 'aiortc', 'httpx', 'cv2', 'mediapipe') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["rtsp://user:secret@[", "rtmp://[::1/live", "udp://[", "whep://["])
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_source(url)
    assert "secret" not in str(refused.value)
