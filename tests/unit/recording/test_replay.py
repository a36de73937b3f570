"""A journal is read back to its last whole line, wherever the writer was stopped and whatever follows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.errors import ConfigError
from stream_guard.protocol.messages import Event
from stream_guard.recording.archive import new_name, part_path
from stream_guard.recording.line import Header, Line
from stream_guard.recording.replay import Replay
from tests.unit.recording.journals import HELLO, event, replayed, scores

pytestmark = [pytest.mark.property, pytest.mark.timeout(60)]

HEADER = Header(session="c1", server="test", engine="e", model=HELLO.model)

_lines = st.lists(
    st.builds(
        lambda kind, number: {"event": event, "scores": scores}[kind](number),
        st.sampled_from(["event", "scores"]),
        st.integers(0, 1000),
    ),
    max_size=12,
)


def written(messages: list[object]) -> list[bytes]:
    """Return a journal's lines: a header, and one for each message."""
    at = datetime.now(UTC).isoformat()
    header = Line(n=0, at=at, header=HEADER)
    numbered = enumerate(messages)
    return [header.encode(), *(Line(n=n, at=at, message=message).encode() for n, message in numbered)]


def read(*files: bytes) -> tuple[list[Line], Replay]:
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(files, 1):
            part_path(Path(folder), number).write_bytes(content)
        replay = Replay(Path(folder))
        return list(replay), replay


@given(_lines, st.data())
@settings(deadline=None)
def test_a_torn_journal_is_read_to_its_last_whole_line(messages: list[object], data: st.DataObject) -> None:
    lines = written(messages)
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    found, replay = read(whole[:cut])
    ends = [len(b"".join(lines[: n + 1])) for n in range(len(lines))]
    complete = sum(end <= cut for end in ends)
    assert len(found) == complete
    assert [line.encode() for line in found] == lines[:complete]
    assert replay.torn == (cut not in {0, *ends})
    assert replay.missing == 0


@given(_lines, st.binary(max_size=300), st.data())
@settings(deadline=None)
def test_what_is_written_over_costs_no_more_than_its_lines(
    messages: list[object], noise: bytes, data: st.DataObject
) -> None:
    """A power cut leaves zeros, a broken disk anything."""
    lines = written(messages)
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole)))
    found, replay = read(whole[:at] + noise + whole[at + len(noise) :])
    untouched = [
        line
        for n, line in enumerate(lines)
        if (start := len(b"".join(lines[:n]))) + len(line) <= at or start >= at + len(noise) + 1
    ]
    read_back = {line.encode() for line in found}
    # The line before the noise is torn where its break was hit, the one after it where noise ends in none.
    assert len([line for line in untouched if line not in read_back]) <= 1
    assert replay.lines == len(found)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reading(files: list[bytes]) -> None:
    found, replay = read(*files)
    assert replay.lines == len(found)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3))
)
@settings(deadline=None)
def test_no_json_breaks_it_either(value: object) -> None:
    content = json.dumps({"n": 0, "at": "now", "message": value}).encode() + b"\n"
    found, replay = read(content)
    assert len(found) + replay.torn == 1


def test_gaps_are_counted_over_files_but_not_before_the_first() -> None:
    lines = written([event(n) for n in range(10)])
    header, body = lines[0], lines[1:]
    _, replay = read(header + b"".join(body[4:6]), header + b"".join(body[8:]))
    assert (replay.missing, replay.torn, replay.ended) == (2, 0, False)


def test_a_line_without_an_end_takes_no_memory() -> None:
    found, replay = read(written([])[0] + b"x" * (5 << 20) + b"\n" + written([event(1)])[1])
    assert len(found) == 2
    assert replay.torn >= 1


def test_a_folder_without_a_journal_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ConfigError):
            list(Replay(folder))


_WRITER = """
import asyncio, sys, time
from pathlib import Path
from tests.unit.recording.journals import event, journal, scores, session

async def main():
    async with journal(Path(sys.argv[1])) as writing:
        writing.take(session())
        number = 0
        while True:
            number += 1
            writing.take(event(number))
            sys.stdout.write(f"{number} {time.monotonic_ns()}\\n")
            sys.stdout.flush()
            await asyncio.sleep(0.002)

asyncio.run(main())
"""


def _written(folder: Path) -> bool:
    return any(folder.glob("*/*.jsonl"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")
@pytest.mark.parametrize("after_s", [0.7, 1.3, 2.0])
async def test_a_killed_writer_loses_no_more_than_the_last_second(tmp_path: Path, after_s: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WRITER, str(tmp_path)),
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    assert process.stdout is not None
    said: list[tuple[int, int]] = []
    try:
        began = None
        while began is None or time.monotonic() - began < after_s or not _written(tmp_path):
            number, at_ns = (await process.stdout.readline()).split()
            said.append((int(number), int(at_ns)))
            began = began or time.monotonic()
        process.send_signal(signal.SIGKILL)
        rest = (await process.communicate())[0]
        said += [(int(number), int(at_ns)) for number, at_ns in (line.split() for line in rest.splitlines()[:-1])]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    (name,) = os.listdir(tmp_path)
    lines, replay = await replayed(tmp_path / name)
    numbers = [line.message.face for line in lines if isinstance(line.message, Event)]
    assert numbers == list(range(1, len(numbers) + 1)), "without a gap"
    assert replay.missing == 0
    assert replay.torn <= 1
    lost = [number for number, _ in said if number > len(numbers)]
    assert len(lost) <= 500, "no more than a second's, at 2 ms each"


def test_a_folders_name_is_plain_whatever_the_session_is_called() -> None:
    name = new_name("../../etc/passwd\0", datetime.now(UTC))
    assert name.replace("-", "").replace("_", "").isalnum()
