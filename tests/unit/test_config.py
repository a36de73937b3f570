from __future__ import annotations

import pytest

from stream_guard.config import Config
from stream_guard.errors import ConfigError

pytestmark = pytest.mark.unit


def test_an_ipv6_address_may_stand_in_brackets() -> None:
    assert Config.make(host="[::1]").host == "::1"


def test_a_wider_address_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.168.0.7", "studio.example"):
        with pytest.raises(ConfigError, match="give a --token"):
            Config.make(host=host)
        assert Config.make(host=host, token="long enough to be safe").host == host
        assert Config.make(host=host, watch_token="long enough to be safe").host == host


def test_other_machines_could_guess_a_short_token() -> None:
    with pytest.raises(ConfigError, match="may guess"):
        Config.make(host="0.0.0.0", token="long enough to be safe", send_token="too short")
    assert Config.make(token="not so long").has_token


@pytest.mark.parametrize("token", ["shrt", " spaces around ", "l\u00e4nger als acht", "two\nlines of it"])
def test_a_wrong_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigError, match=r"^token: ") as caught:
        Config.make(token=token)
    assert token not in f"{caught.value} {caught.value.__cause__}"


def test_settings_can_be_printed_without_their_tokens() -> None:
    config = Config.make(token="hush hush hush", send_token="hush hush hush", watch_token="hush hush hush")
    assert "hush" not in f"{config} {config!r}"


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(ConfigError, match="--tls-cert"):
        Config.make(tls_key="key.pem")


def test_others_may_not_take_every_place() -> None:
    assert Config.make(max_sessions=16).sessions_per_client == 16
    wide = {"host": "0.0.0.0", "token": "long enough to be safe"}
    assert Config.make(max_sessions=16, **wide).sessions_per_client == 4
    assert Config.make(max_sessions=2, **wide).sessions_per_client == 1
    assert Config.make(max_sessions=16, max_sessions_per_client=9, **wide).sessions_per_client == 9


def test_a_wrong_setting_is_named_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^port: ") as caught:
        Config.make(port=70000)
    assert "\n" not in str(caught.value)


def test_the_turn_servers_password_is_shown_nowhere() -> None:
    config = Config.make(turn="turn:turn.example.org", turn_user="planted-user", turn_password="planted-password")
    assert config.turn_password == "planted-password"
    assert "planted" not in repr(config)
    assert "planted" not in str(config)
