from __future__ import annotations

import asyncio
import contextlib
import re
from types import SimpleNamespace
from typing import Self

import pytest
import rich  # noqa: F401  asks where it is when first imported, which must not be inside the loop

from stream_guard import app
from stream_guard.cli.serve import _serve
from stream_guard.config import Config

pytestmark = pytest.mark.unit


class _Service:
    """Stands in for the server, which would load a model."""

    url = "http://127.0.0.1:1"
    hello = SimpleNamespace(engine="e", device="d", model=SimpleNamespace(name="m"))
    closed = False

    def __init__(self, config: Config) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *why: object) -> None:
        type(self).closed = True


async def test_a_loop_without_signals_serves_until_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Windows."""

    def add_signal_handler(number: int, call: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(app, "Service", _Service)
    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", add_signal_handler)
    serving = asyncio.create_task(_serve(Config.make()))
    await asyncio.sleep(0.05)
    assert not serving.done()
    assert "http://127.0.0.1:1/whip" in capsys.readouterr().out
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    assert _Service.closed


async def said(config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is said at the start, in one line."""
    monkeypatch.setattr(app, "Service", _Service)
    monkeypatch.setenv("COLUMNS", "300")
    serving = asyncio.create_task(_serve(config))
    await asyncio.sleep(0.05)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    return " ".join(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().out).split())


TOKEN = "a long enough token"


@pytest.mark.parametrize(
    ("settings", "warned", "promised"),
    [
        ({}, False, True),
        ({"host": "0.0.0.0", "token": TOKEN}, True, False),
        ({"host": "0.0.0.0", "token": TOKEN, "tls_cert": "cert.pem"}, False, False),
    ],
)
async def test_a_wider_address_without_tls_is_warned_of(
    settings: dict[str, str],
    warned: bool,
    promised: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = await said(Config.make(**settings), monkeypatch, capsys)
    assert ("Without TLS" in out) == warned
    assert ("Nothing leaves this machine" in out) == promised


@pytest.mark.parametrize("terminal", [True, False])
async def test_the_token_is_shown_on_a_terminal_and_in_no_log(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
    out = await said(Config.make(token="hush-hush-hush"), monkeypatch, capsys)
    assert ("#token=hush-hush-hush" in out) == terminal
    assert "?token" not in out


async def test_what_is_kept_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "kept" not in await said(Config.make(), monkeypatch, capsys)
    out = await said(Config.make(journal="calls [old]", keep_evidence=True), monkeypatch, capsys)
    assert "Events, scores and faces at alarms are kept in calls [old] for 30 days." in out
