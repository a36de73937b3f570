"""The files that are written for OBS, and how the running one is refused."""

from __future__ import annotations

import configparser
import json
import logging
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.errors import ConfigError, ConnectionRefused
from stream_guard.obs.collection import overlay_url, scene_collection, write
from stream_guard.obs.files import PRESET, SCRIPT, config_folder, shipped
from stream_guard.obs.remote import RunningObs
from stream_guard.obs.sending import WAYS, way

pytestmark = pytest.mark.unit

SERVER = "http://127.0.0.1:8765"


def source(collection: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in collection["sources"] if one["name"] == name)
    return found


def test_the_shipped_preset_is_the_one_for_a_server_at_home() -> None:
    shipped_preset = json.loads(shipped(PRESET).read_text())
    made = scene_collection(SERVER, with_script=False)
    assert made == shipped_preset
    names = {one["name"] for one in made["sources"]}
    placed = {item["name"] for one in made["sources"] for item in one["settings"].get("items", [])}
    assert placed <= names
    assert {scene["name"] for scene in made["scene_order"]} == {"Call", "Safe"}


def test_a_server_elsewhere_and_its_token_stand_in_it() -> None:
    made = scene_collection("http://studio:9000", "s3cret token&")
    assert source(made, "stream-guard overlay")["settings"]["url"] == (
        "http://studio:9000/overlay#token=s3cret%20token%26"
    )
    [listed] = made["modules"]["scripts-tool"]
    assert Path(listed["path"]).name == SCRIPT
    assert listed["settings"]["server"] == "http://studio:9000"
    assert listed["settings"]["token"] == "s3cret token&"


def test_without_a_token_the_address_has_none() -> None:
    assert overlay_url(SERVER) == "http://127.0.0.1:8765/overlay"


@pytest.mark.parametrize("name", WAYS)
def test_files_are_written_once_and_only_for_their_owner(tmp_path: Path, name: str) -> None:
    sending = way(name, server=SERVER, token="s3cret-token")
    written = write(tmp_path, SERVER, "s3cret-token", sending=sending)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "basic/scenes/stream-guard.json",
        "basic/profiles/stream-guard/basic.ini",
        "basic/profiles/stream-guard/service.json",
    }
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    with pytest.raises(ConfigError, match="--force"):
        write(tmp_path, SERVER)
    assert write(tmp_path, SERVER, replace=True) == written[:1]
    profile = configparser.ConfigParser()
    profile.optionxform = str  # type: ignore[assignment,method-assign]
    profile.read(written[1])
    assert dict(profile["General"]) == {"Name": "stream-guard"}
    assert profile["SimpleOutput"]["x264Settings"].startswith("keyint=30 bframes=0")
    service = json.loads(written[2].read_text())
    assert service == {"type": sending.service, "settings": sending.settings}


def test_only_whip_shows_the_token() -> None:
    shown = {name: "s3cret-token" in str(way(name, server=SERVER, token="s3cret-token").settings) for name in WAYS}
    assert shown == {"rtmp": False, "udp": False, "whip": True}
    assert "s3cret-token" not in repr(way("whip", server=SERVER, token="s3cret-token"))
    with pytest.raises(ValueError, match="none of rtmp, udp, whip"):
        way("srt", server=SERVER)


def test_the_folder_of_obs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    with pytest.raises(ConfigError, match="--folder"):
        config_folder()
    for platform, place in (
        ("linux", ".var/app/com.obsproject.Studio/config/obs-studio"),
        ("linux", ".config/obs-studio"),
        ("darwin", "Library/Application Support/obs-studio"),
        ("win32", "AppData/Roaming/obs-studio"),
    ):
        (tmp_path / place / "basic").mkdir(parents=True)
        monkeypatch.setattr(sys, "platform", platform)
        assert config_folder() == tmp_path / place


def test_nobody_there_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can answer
        with pytest.raises(ConnectionRefused, match="no OBS answers at") as raised:
            RunningObs(port=taken.getsockname()[1], password="s3cret").__enter__()
    assert "s3cret" not in str(raised.value)


def test_the_command_writes_and_says_what_to_do(tmp_path: Path) -> None:
    arguments = ["obs", "setup", "--folder", str(tmp_path), "--send", "rtmp", "--server", "127.0.0.1:9000/"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "--source 'rtmp://127.0.0.1:1935/live/stream-guard?listen=1'" in done.output
    scenes = json.loads((tmp_path / "basic" / "scenes" / "stream-guard.json").read_text())
    assert source(scenes, "stream-guard overlay")["settings"]["url"] == "http://127.0.0.1:9000/overlay"
    again = CliRunner().invoke(app, arguments)
    assert (again.exit_code, again.output.count("\n")) == (2, 1)


@pytest.mark.parametrize("server", ["ftp://127.0.0.1", "http://"])
def test_what_is_no_address_is_refused(tmp_path: Path, server: str) -> None:
    done = CliRunner().invoke(app, ["obs", "setup", "--folder", str(tmp_path), "--server", server])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_the_command_says_where_the_script_is() -> None:
    done = CliRunner().invoke(app, ["obs", "script"])
    assert Path(done.output.strip()) == shipped(SCRIPT)


def test_the_password_is_never_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package logs all it connects with, the password too."""
    monkeypatch.setenv("STREAM_GUARD_OBS_PASSWORD", "s3cret-password")
    with caplog.at_level(logging.DEBUG), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = CliRunner().invoke(app, ["obs", "setup", "--running", "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2
    assert "s3cret-password" not in done.output + caplog.text
