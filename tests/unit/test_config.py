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
        assert Config.make(host=host, token="long enough").host == host


def test_a_wrong_setting_is_named_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^port: ") as caught:
        Config.make(port=70000)
    assert "\n" not in str(caught.value)
