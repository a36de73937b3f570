from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Self

import pytest

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
