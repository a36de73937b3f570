"""Bad files again and again: handles, threads, tasks and memory are back to where they were."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.hostile.bad_videos import read, write, write_sound

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

ROUNDS, SETTLED = 12, 4
LEAK_MB = 24
"""A converted picture of each of the four large films, kept in every round that counts, would be 77 MB."""


def files(folder: Path) -> list[Path]:
    """Return a bad file of each kind, and two that are well; the larger ones 1280x720."""
    (folder / "letter.mp4").write_text("a letter\n" * 100)
    (folder / "empty.mkv").touch()
    os.mkfifo(folder / "pipe.mp4")
    write_sound(folder / "song.m4a")
    film = write(folder / "film.mp4", size=(1280, 720), frames=4, options={"preset": "ultrafast"})
    whole = film.read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    broken = bytearray(whole)
    broken[len(whole) // 2 :: 7] = bytes(len(broken[len(whole) // 2 :: 7]))
    (folder / "broken.mp4").write_bytes(broken)
    write(folder / "turned.mp4", size=(1280, 720), frames=2, rotation=90)
    write(folder / "alpha.mkv", codec="ffv1", pix_fmt="yuva444p10le")
    return sorted(folder.iterdir())


async def repeat(paths: list[Path]) -> list[dict[str, int]]:
    """Read all of them for some rounds; returns what the process held after each."""
    process, held = psutil.Process(), []
    for _ in range(ROUNDS):
        for path in paths:
            await read(path, limit_s=30)
        for thread in threading.enumerate():
            if thread.name.endswith(" reader"):
                await asyncio.to_thread(thread.join, 10)  # it has told all it had; now it ends
        held.append(
            {
                "handles": process.num_fds(),
                "threads": sum("asyncio_" not in one.name for one in threading.enumerate()),
                "tasks": len(asyncio.all_tasks()),
                "bytes": process.memory_info().rss,
            }
        )
    return held


def test_nothing_is_left_of_a_bad_file(tmp_path: Path) -> None:
    """In a process of its own: what others before it have loaded would blur the memory."""
    assert len(files(tmp_path)) == 9
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.test_bad_repetition", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    )
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout.splitlines()[-1])
    for what in ("handles", "threads", "tasks"):
        assert held[-1][what] <= held[SETTLED][what], (what, held)
    grown = (held[-1]["bytes"] - held[SETTLED]["bytes"]) / 1e6
    assert grown < LEAK_MB, held


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(repeat(sorted(Path(sys.argv[1]).iterdir())))) + "\n")
