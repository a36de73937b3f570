"""`stream-guard obs setup` with a real OBS: driven while it runs, and started with what was written for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_guard.errors import ConfigError, ConnectionRefused
from stream_guard.obs.collection import OVERLAY, write
from stream_guard.obs.remote import SCENE, RunningObs
from stream_guard.obs.sending import way
from tests.obs.studio import PASSWORD, SIZE, Studio, until

pytestmark = [pytest.mark.obs, pytest.mark.timeout(120)]

SERVER = "http://127.0.0.1:8765"


def test_a_running_obs_is_set_up_and_keeps_its_own_profile(start: Callable[..., Studio]) -> None:
    studio = start(None)
    own = {"server": "rtmp://live.example/app", "key": "the-users-own"}
    studio.remote.set_stream_service_settings("rtmp_custom", own)
    with RunningObs(port=studio.port, password=PASSWORD) as obs:
        assert obs.version().startswith(("28.", "29.", "30.", "31.", "32."))
        browser = "browser_source" in studio.remote.get_input_kind_list(True).input_kinds
        for _ in range(2):  # the second time finds what the first has made
            assert obs.add_overlay(SERVER) is browser
            assert studio.items(SCENE) == ([OVERLAY] if browser else [])
        obs.send_by(way("rtmp", server=SERVER))
        obs.send_by(way("udp", server=SERVER))
    assert studio.remote.get_profile_list().current_profile_name == "stream-guard"
    assert studio.remote.get_video_settings().base_width == SIZE[0]
    service = studio.remote.get_stream_service_settings()
    assert service.stream_service_settings["server"] == "udp://127.0.0.1:5000?pkt_size=1316"
    assert studio.remote.get_profile_parameter("SimpleOutput", "x264Settings").parameter_value.startswith(
        "keyint=30"
    )
    studio.remote.set_current_profile("test")
    kept = until(lambda: studio.remote.get_stream_service_settings().stream_service_settings, "no settings")
    assert {name: kept[name] for name in own} == own


def test_an_obs_without_whip_says_so(start: Callable[..., Studio]) -> None:
    studio = start(None)
    if int(studio.remote.get_version().obs_version.partition(".")[0]) >= 30:
        pytest.skip("this OBS may know WHIP")
    with RunningObs(port=studio.port, password=PASSWORD) as obs:
        with pytest.raises(ConfigError, match="it takes OBS Studio 30 or newer"):
            obs.send_by(way("whip", server=SERVER, token="s3cret-token"))


@pytest.mark.parametrize("password", ["", "another"])
def test_a_wrong_password_is_one_line(start: Callable[..., Studio], password: str) -> None:
    studio = start(None)
    with pytest.raises(ConnectionRefused, match="wants another password"):
        RunningObs(port=studio.port, password=password).__enter__()


def test_obs_opens_what_was_written_for_it(start: Callable[..., Studio], tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "obs-studio"
    write(folder, SERVER, sending=way("rtmp", server=SERVER))
    studio = start(None, collection="stream-guard", profile="stream-guard")
    remote = studio.remote
    assert remote.get_scene_collection_list().current_scene_collection_name == "stream-guard"
    assert remote.get_profile_list().current_profile_name == "stream-guard"
    assert {"Call", "Safe"} <= {scene["sceneName"] for scene in remote.get_scene_list().scenes}
    assert studio.on_air() == "Call"
    assert studio.items("Safe") == ["Safe backdrop", "Safe words"]
    video = remote.get_video_settings()
    assert (video.base_width, video.base_height, video.fps_numerator) == (1920, 1080, 30)
    assert remote.get_stream_service_settings().stream_service_settings["key"] == "stream-guard"
    until(lambda: studio.text("Stream Guard score") == "No signal", "the script was not loaded", 10)
    assert "Stream Guard badge" in studio.items("Stream Guard monitor")
    assert "Stream Guard badge" not in studio.items("Call")
    picture = studio.picture("Safe")
    assert picture.shape == (1080, 1920, 4)
    assert picture[20, 20, :3].max() < 60
    assert (picture[440:640, 480:1440, :3] > 230).any(), "the words are not drawn"
