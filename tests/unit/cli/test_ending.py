"""How a server ends, in a process of its own that does not end by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytestmark = [
    pytest.mark.unit,
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]

PROGRAM = """
import asyncio, signal, sys, time
from stream_guard.cli import ending
ending.LIMIT_S = float(sys.argv[1])

async def main():
    waiting = asyncio.create_task(ending.told_to_end())
    await asyncio.sleep(0)
    print("ready", flush=True)
    await waiting
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    print("told", flush=True)

asyncio.run(main())
time.sleep(60 if len(sys.argv) < 3 else 0)
"""


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    arguments: list[str] = request.param
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"


@pytest.mark.parametrize("program", [["50", "at once"]], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_ends_by_itself_ends_well(program: subprocess.Popen[str], number: int) -> None:
    told(program, number)
    assert program.wait(30) == 0


@pytest.mark.parametrize("program", [["2"]], indirect=True)
def test_what_hangs_is_left_in_words(program: subprocess.Popen[str]) -> None:
    told(program, signal.SIGTERM)
    assert program.wait(30) == 1
    assert program.stderr is not None
    assert program.stderr.read().strip() == "something hangs: left after 2 s, without every goodbye"


@pytest.mark.parametrize("program", [["50"]], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(program: subprocess.Popen[str], number: int) -> None:
    told(program, signal.SIGTERM)
    program.send_signal(number)
    assert program.wait(30) == -number
