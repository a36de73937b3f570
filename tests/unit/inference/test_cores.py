"""How many cores there are to compute on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from stream_guard.inference import cores
from stream_guard.inference.cores import physical_cores

pytestmark = pytest.mark.unit


def machine(folder: Path, siblings: list[str], quota: str = "max 100000") -> dict[str, Path]:
    """Write a machine as Linux describes it: for each logical CPU, which ones share its core."""
    for cpu, shared in enumerate(siblings):
        topology = folder / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{shared}\n")
    (folder / "cpu.max").write_text(f"{quota}\n")
    return {"topology": folder, "quota": folder / "cpu.max"}


@pytest.mark.parametrize(
    ("siblings", "allowed", "quota", "expected"),
    [
        (["0", "1"], {0, 1}, "max 100000", 2),
        (["0,2", "1,3", "0,2", "1,3"], {0, 1, 2, 3}, "max 100000", 2),
        (["0-1", "0-1", "2-3", "2-3"], {0, 1, 2, 3}, "max 100000", 2),
        (["0-1", "0-1", "2-3", "2-3"], {0, 1}, "max 100000", 1),  # the process may use one core only
        (["0", "1", "2", "3"], {0, 1, 2, 3}, "150000 100000", 2),  # the container is granted 1.5
        (["0", "1", "2", "3"], {0, 1, 2, 3}, "50000 100000", 1),
        (["0", "1"], {0, 1}, "800000 100000", 2),
        (["0", "1"], {0, 1}, "", 2),
    ],
)
def test_counts_cores_that_may_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    siblings: list[str],
    allowed: set[int],
    quota: str,
    expected: int,
) -> None:
    monkeypatch.setattr(cores, "_allowed", lambda: allowed)
    assert physical_cores(**machine(tmp_path, siblings, quota)) == expected


@pytest.mark.parametrize(("processor", "expected"), [("x86_64", 4), ("AMD64", 4), ("arm64", 8)])
def test_guesses_where_the_system_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor: str, expected: int
) -> None:
    monkeypatch.setattr(cores, "_allowed", lambda: set(range(8)))
    monkeypatch.setattr(platform, "machine", lambda: processor)
    assert physical_cores(topology=tmp_path / "none", quota=tmp_path / "none") == expected


def test_this_machine_has_at_least_one_and_no_more_than_logical() -> None:
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
