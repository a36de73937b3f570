"""Videos of real people that tests may look at. They may not be passed on, so a checkout is without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["VARIABLE", "videos"]

VARIABLE = "STREAM_GUARD_DATA"
_BESIDE = Path(__file__).parents[2] / "shared" / "data"


def videos(name: str) -> list[Path]:
    """Return the videos of one set, sorted; skip the test where the data is not on this machine.

    The data is the folder that the environment variable ``STREAM_GUARD_DATA`` names, else ``shared/data`` beside
    the checkout. A variable that names no such folder fails the test: whoever set it meant it to run.
    """
    named = os.environ.get(VARIABLE)
    if named is None and not _BESIDE.is_dir():
        pytest.skip(f"its videos may not be passed on: set {VARIABLE} to the folder that holds them")
    found = sorted((Path(named or _BESIDE) / "videos" / name).glob("*.mp4"))
    if not found:
        pytest.fail(f"there is no videos/{name} with videos in {named or 'shared/data'}")
    return found
