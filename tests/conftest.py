"""What holds for every test: nothing of ours may block the event loop, and no task may be left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# A shared machine is sometimes slow: that is no property of the code. Bound when a test is defined, hence here.
# The same examples every time, everywhere: what holds today must not be refused tomorrow by luck.
settings.register_profile(
    "patient", settings(), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _nothing_blocks() -> Iterator[None]:
    """Fail any test in which code of ours blocks the loop: sleeps, reads files, waits for a lock."""
    with blockbuster_ctx("stream_guard") as blockbuster:
        for function in blockbuster.functions.values():
            # Imports read files. They happen once, at the first use of a feature, never for a frame.
            function.can_block_in("importlib/_bootstrap", {"_find_and_load"})
        yield


@pytest_asyncio.fixture(autouse=True)
async def _no_task_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail an async test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    if request.node.get_closest_marker("browser"):
        return  # the browser's driver keeps its own
    for _ in range(200):
        left = [task.get_name() for task in asyncio.all_tasks() - before - {asyncio.current_task()}]
        if not left:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"tasks left behind: {left}")
