"""A real OBS Studio for a test. Where there is none, tests skip and say so; in CI on Debian that is a failure."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.obs.studio import Studio, screen
from tests.unit.plugins.server import Server

logging.getLogger("obsws_python").setLevel(logging.CRITICAL)  # it logs refusals that tests expect, with traces


@pytest.fixture(scope="session")
def screen_name() -> Iterator[str]:
    """A screen that nobody looks at."""
    missing = [program for program in ("obs", "Xvfb") if shutil.which(program) is None]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI") == "true" and os.path.exists("/etc/debian_version") and os.geteuid() == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    with screen() as name:
        yield name


@pytest.fixture
def server() -> Iterator[Server]:
    """What the script talks to."""
    server = Server()
    with server.running():
        yield server


@pytest.fixture
def start(screen_name: str, tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    """Starts OBS with the script and these settings; ``None`` is without the script."""
    with ExitStack() as stack:

        def make(settings: dict[str, Any] | None, *scenes: str, **chosen: str) -> Studio:
            studio = Studio(tmp_path, screen_name)
            studio.prepare(scenes=scenes or ("Call", "Safe"), settings=settings)
            stack.callback(studio.clear_away)
            studio.start(**chosen)
            return studio

        yield make
