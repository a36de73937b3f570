"""Settings, as JSON: `stream_guard.config`."""

from __future__ import annotations

import json

from stream_guard.config import Config
from stream_guard.errors import ConfigError
from tests.fuzz.target import Target, one_line, plain


def run(data: bytes) -> None:
    try:
        settings = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(settings, dict):
        return
    try:
        config = Config.make(**settings)
    except ConfigError as error:
        tokens = [settings.get(name) for name in ("token", "send_token", "watch_token")]
        secrets = [one for one in tokens if isinstance(one, str) and len(one) >= 8]
        one_line(error, without=[one for one in secrets if not any(one in key for key in settings)])
        return
    assert 1 <= config.sessions_per_client <= 1000
    assert config.has_token or not config.exposed
    assert not any(f"{name}=" in repr(config) for name in ("token", "send_token", "watch_token"))
    assert 0 < config.budget_ms < float("inf")


TARGET = Target(
    "config",
    plain(run),
    (
        b'{"host":"127.0.0.1","port":8765,"engine":"auto","budget_ms":33,"max_faces":25}',
        b'{"host":"0.0.0.0","token":"0123456789abcdef","tls_cert":"c.pem","origins":["https://a.example"]}',
        b'{"host":"::1","journal":"j","journal_days":1e9,"keep_evidence":true,"false_alarms_per_hour":1e-300}',
        b'{"host":"[::]","watch_token":"short"}',
    ),
    ("stream_guard.config",),
    (
        b'"host":"',
        b"NaN",
        b"Infinity",
        b"1e400",
        b'"\\n\\u001b":1',
        b'"token":"',
        b"\\ud800",
        b"fe80::1%eth0",
        b"127.1",
    ),
)
