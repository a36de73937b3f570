"""What every loopback test may ask for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail the test if it leaves a task or a thread behind."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    yield
    for _ in range(400):  # below the 10 s after which a silent stream ends by itself
        extra = {task for task in asyncio.all_tasks() - tasks - {asyncio.current_task()} if not task.done()}
        running = {thread for thread in set(threading.enumerate()) - threads if "asyncio_" not in thread.name}
        if not extra and not running:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"left behind: {extra or ''} {running or ''}")
