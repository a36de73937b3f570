"""Imports in fresh processes, and knocking until somebody listens."""

from __future__ import annotations

import asyncio
import socket

import pytest

from stream_guard.bench.listening import listening
from stream_guard.bench.start import import_ms
from stream_guard.errors import StreamGuardError

pytestmark = pytest.mark.unit


def test_each_import_has_a_process_of_its_own() -> None:
    assert len(import_ms("json", times=2)) == 2
    assert min(import_ms("json", times=1)) > 0


def test_what_cannot_be_imported_is_one_line() -> None:
    with pytest.raises(StreamGuardError, match=r"no_such_module.*ModuleNotFoundError"):
        import_ms("no_such_module", times=1)


async def test_knocking_ends_when_somebody_listens() -> None:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{plug.getsockname()[1]}"
        knocking = asyncio.create_task(listening(url))
        await asyncio.sleep(0.05)
        assert not knocking.done()
        plug.listen()
        await asyncio.wait_for(knocking, 15)


async def test_where_nobody_listens_it_gives_up() -> None:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        with pytest.raises(StreamGuardError, match="nothing listens"):
            await listening(f"http://127.0.0.1:{plug.getsockname()[1]}", within_s=0.1)
