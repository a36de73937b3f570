from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.face import Box
from stream_guard.frame import Frame
from stream_guard.protocol.messages import Challenge, Engine, Event, FaultReport, Scores
from stream_guard.recording import journal as journalling
from stream_guard.recording.archive import kept_sessions, parts
from stream_guard.recording.journal import Journal
from tests.unit.protocol.samples import SERVER
from tests.unit.recording.journals import HELLO, event, journal, kept, only_folder, replayed, scores, session

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journalling, "_FLUSH_S", 0.02)
    monkeypatch.setattr(journalling, "_RETRY_S", 0.05)
    monkeypatch.setattr(journalling, "_CLOSE_LIMIT_S", 20.0)  # beside other work the disk may be slow


def full_disk(monkeypatch: pytest.MonkeyPatch, *, takes: int = 0) -> Callable[[], None]:
    """Have every write fail after so many bytes; returns what makes room."""
    write = os.write
    full = True

    def failing(handle: int, data: Any) -> int:
        if not full:
            return write(handle, data)
        if takes and len(data) > takes:
            return write(handle, bytes(data[:takes]))
        raise OSError(errno.ENOSPC, "No space left on device")

    def make_room() -> None:
        nonlocal full
        full = False

    monkeypatch.setattr(os, "write", failing)
    return make_room


async def test_everything_that_is_said_is_read_back(tmp_path: Path) -> None:
    said = [session(), *[event(n) for n in range(50)], session("stale"), session("ended", reason="over")]
    async with journal(tmp_path) as writing:
        for message in said:
            writing.take(message)
        writing.take(HELLO)
    lines, replay = await replayed(await only_folder(tmp_path))
    assert [line.message for line in lines if line.message] == said
    assert (replay.torn, replay.missing, replay.ended) == (0, 0, True)
    assert replay.header is not None
    assert (replay.header.session, replay.header.server) == ("c1", HELLO.server)


async def test_scores_are_thinned_out_and_events_are_not(tmp_path: Path) -> None:
    async with journal(tmp_path, scores_per_s=5) as writing:
        for number in range(300):
            writing.take(scores(number))
            writing.take(event(number))
    messages = [line.message for line in (await replayed(await only_folder(tmp_path)))[0]]
    assert sum(isinstance(message, Event) for message in messages) == 300
    assert 45 <= sum(isinstance(message, Scores) for message in messages) <= 51


async def test_sessions_have_folders_of_their_own_and_an_engine_is_news_to_all(tmp_path: Path) -> None:
    async with journal(tmp_path) as writing:
        for name in ("c1", "c2"):
            writing.take(session(name=name))
        writing.take(Engine(engine="other", device="cpu", passed_over=()))
        writing.take(session("ended", name="c1"))
        writing.take(Engine(engine="third", device="cpu", passed_over=()))
    engines = {}
    for one in await kept(tmp_path):
        lines, _ = await replayed(one.path)
        engines[one.name.split("-")[1]] = [
            line.message.engine for line in lines if isinstance(line.message, Engine)
        ]
    assert engines == {"c1": ["other"], "c2": ["other", "third"]}


async def taken(writing: Journal, name: str = "c1") -> None:
    """Wait until nothing of a session waits any more."""
    async with asyncio.timeout(10):
        while name in writing._sessions and writing._sessions[name].waiting:
            await asyncio.sleep(0.005)


async def test_an_offer_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    async with journal(tmp_path) as writing:
        for number in range(200):
            writing.take(session("connecting", name=f"c{number}"))
            writing.take(session("ended", name=f"c{number}"))
        async with asyncio.timeout(10):
            while writing._ended:
                await asyncio.sleep(0.01)
    assert os.listdir(tmp_path) == []


async def test_what_is_said_after_the_end_begins_no_session(tmp_path: Path) -> None:
    lost, fault = SERVER["challenge"], FaultReport(session="c1", part="stream", reason="late")
    assert isinstance(lost, Challenge)
    assert lost.session == "c1"
    async with journal(tmp_path) as writing:
        writing.take(session())
        writing.take(lost)
        writing.take(session("ended"))
        writing.take(lost)
        writing.take(fault)
        assert writing._sessions == {}
    lines, replay = await replayed(await only_folder(tmp_path))
    assert (len(lines), replay.ended) == (4, True), "header, beginning, challenge and end"


async def test_lines_are_on_disk_while_the_call_goes_on(tmp_path: Path) -> None:
    async with journal(tmp_path) as writing:
        writing.take(session())
        folder = await only_folder(tmp_path)
        writing.take(event(1))
        async with asyncio.timeout(5):
            while len((await replayed(folder))[0]) < 3:
                await asyncio.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
async def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    async with journal(tmp_path / "new") as writing:
        writing.take(session())
    folder = await only_folder(tmp_path / "new")
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path / "new", folder)} == {0o700}
    assert {stat.S_IMODE(os.stat(folder / name).st_mode) for name in os.listdir(folder)} == {0o600}


async def test_long_sessions_go_on_in_another_file(tmp_path: Path) -> None:
    async with journal(tmp_path, part_bytes=2000) as writing:
        for number in range(100):
            writing.take(event(number))
            if number % 5 == 0:
                await taken(writing)
    folder = await only_folder(tmp_path)
    files = await asyncio.to_thread(parts, folder)
    assert len(files) > 4
    assert max(path.stat().st_size for path in files) < 6000
    lines, replay = await replayed(folder)
    assert [line.message.face for line in lines if isinstance(line.message, Event)] == list(range(100))
    assert (replay.torn, replay.missing) == (0, 0)
    assert all(b'"header"' in path.read_bytes().partition(b"\n")[0] for path in files), "each can stand alone"


async def test_all_sessions_together_have_a_limit(tmp_path: Path) -> None:
    async with journal(tmp_path, part_bytes=2000, total_bytes=20_000) as writing:
        for call in range(8):
            for number in range(40):
                writing.take(event(number, name=f"c{call}"))
                if number % 8 == 0:
                    await asyncio.sleep(0.02)
            writing.take(session("ended", name=f"c{call}"))
    await asyncio.to_thread(writing._prune)  # as every hour; by now all is written
    left = await kept(tmp_path)
    assert sum(one.size for one in left) <= 20_000
    assert {one.name.split("-")[1] for one in left} < {f"c{call}" for call in range(8)}


async def test_one_endless_session_keeps_its_newest_part(tmp_path: Path) -> None:
    async with journal(tmp_path, part_bytes=2000, total_bytes=10_000) as writing:
        for number in range(400):
            writing.take(event(number))
            if number % 8 == 0:
                await taken(writing)
        await taken(writing)
        await asyncio.to_thread(writing._prune)
        folder = await only_folder(tmp_path)
    lines, _ = await replayed(folder)
    faces = [line.message.face for line in lines if isinstance(line.message, Event)]
    assert faces[-1] == 399
    assert faces == list(range(faces[0], 400))
    assert sum(path.stat().st_size for path in await asyncio.to_thread(parts, folder)) < 16_000


async def test_a_deleted_session_is_not_written_on(tmp_path: Path) -> None:
    async with journal(tmp_path, keep_evidence=True) as writing:
        writing.take(session())
        shutil.rmtree(await only_folder(tmp_path))
        for number in range(5):
            writing.take(event(number))
            writing.keep_face("c1", face=1, t=0, frame=picture(), box=Box(0, 0, 1, 1))
            await asyncio.sleep(0.05)
        writing.take(session(name="c2"))
    assert [one.name.split("-")[1] for one in await kept(tmp_path)] == ["c2"]


@pytest.mark.parametrize("takes", [0, 7])
async def test_a_full_disk_stops_no_call_and_loses_nothing_it_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, takes: int
) -> None:
    async with journal(tmp_path) as writing:
        writing.take(session())
        folder = await only_folder(tmp_path)
        make_room = full_disk(monkeypatch, takes=takes)
        for number in range(100):
            writing.take(event(number))
        async with asyncio.timeout(10):
            while not writing._failing:
                await asyncio.sleep(0.01)
        make_room()
        writing.take(session("ended"))
    lines, replay = await replayed(folder)
    assert [line.message.face for line in lines if isinstance(line.message, Event)] == list(range(100))
    assert (replay.torn, replay.missing, replay.ended) == (0, 0, True)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, told
    assert "No space left" in told[0]
    assert "written again" in told[1]


async def test_what_waits_for_a_full_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journalling, "_WAITING", 100)
    async with journal(tmp_path) as writing:
        writing.take(session())
        folder = await only_folder(tmp_path)
        make_room = full_disk(monkeypatch)
        for number in range(1000):
            writing.take(event(number))
            if number % 100 == 0:
                await asyncio.sleep(0.03)
        assert len(writing._sessions["c1"].waiting) <= 100
        make_room()
    lines, replay = await replayed(folder)
    faces = [line.message.face for line in lines if isinstance(line.message, Event)]
    assert faces[-1] == 999, "the newest are kept"
    assert replay.missing == 1000 - len(faces) >= 800, "and the gap is seen"


async def test_sessions_that_end_on_a_full_disk_are_not_all_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal(tmp_path) as writing:
        make_room = full_disk(monkeypatch)
        writing.take(session())
        async with asyncio.timeout(10):
            while not writing._failing:
                await asyncio.sleep(0.01)
        for number in range(2, 500):
            writing.take(session(name=f"c{number}"))
            writing.take(session("ended", name=f"c{number}"))
        assert len(writing._ended) <= 64
        make_room()
    left = {one.name.split("-")[1] for one in await kept(tmp_path)}
    assert "c499" in left


async def test_no_file_stays_open_of_a_session_that_was_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(100)]
    async with journal(tmp_path) as writing:
        for name in names:
            writing.take(session(name=name))
        files = [writing._sessions[name].file for name in names]
        for name in names:
            await taken(writing, name)
        full_disk(monkeypatch)
        writing.take(event(1, name="c0"))
        async with asyncio.timeout(10):
            while not writing._failing:
                await asyncio.sleep(0.01)
        for name in names:
            writing.take(session("ended", name=name))
    assert [file.folder.name for file in files if file._handle is not None] == []


async def test_sessions_that_end_all_at_once_are_all_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = journal(tmp_path)
    flush_one = writing._write
    many = [f"c{number}" for number in range(100)]

    def while_it_writes(one: Any) -> None:
        while many:
            name = many.pop()
            writing.take(session(name=name))
            writing.take(session("ended", name=name))
        flush_one(one)

    monkeypatch.setattr(writing, "_write", while_it_writes)
    async with writing:
        writing.take(session(name="first"))
        async with asyncio.timeout(20):
            while len(await kept(tmp_path)) < 101:
                await asyncio.sleep(0.02)


async def test_a_folder_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="sessions cannot be kept in"):
        async with journal(tmp_path / "file"):
            pass


def picture() -> Frame:
    return Frame.from_rgb(np.full((90, 160, 3), 120, np.uint8))


@pytest.mark.parametrize("keep", [False, True])
async def test_pixels_are_kept_only_where_that_was_asked_for(tmp_path: Path, keep: bool) -> None:
    async with journal(tmp_path, keep_evidence=keep) as writing:
        writing.take(session())
        for number in range(60):
            writing.keep_face("c1", face=3, t=number / 10, frame=picture(), box=Box(0.4, 0.4, 0.2, 0.2))
    folder = await only_folder(tmp_path)
    lines, replay = await replayed(folder)
    pictures = [line.evidence for line in lines if line.evidence is not None]
    assert replay.missing == 0
    assert len(pictures) == (50 if keep else 0)
    there = await asyncio.to_thread(lambda: sorted(path.name for path in folder.rglob("*.jpg")))
    assert there == sorted(Path(one).name for one in pictures)
    for one in pictures[:1]:
        assert cv2.imread(str(folder / one)).shape[2] == 3
        assert (await kept(tmp_path))[0].pictures == 50


async def test_memory_does_not_grow_with_sessions(tmp_path: Path) -> None:
    async def many(writing: Journal, first: int) -> None:
        files = []
        for number in range(first, first + 50):
            writing.take(session(name=f"c{number}"))
            files.append(weakref.ref(writing._sessions[f"c{number}"].file))
            for step in range(10):
                writing.take(event(step, name=f"c{number}"))
            writing.take(session("ended", name=f"c{number}"))
        async with asyncio.timeout(20):
            while any(file() is not None for file in files):  # the thread may have them in hand
                await asyncio.sleep(0.02)

    async with journal(tmp_path) as writing:
        await many(writing, 0)
        tracemalloc.start(8)
        for round_ in range(1, 4):
            await many(writing, round_ * 50)
        ours = tracemalloc.take_snapshot().filter_traces(
            [
                tracemalloc.Filter(True, "*/stream_guard/recording/*", all_frames=True),
                tracemalloc.Filter(False, "*/pathlib*"),  # its table of interned names doubles now and then
            ]
        )
        grown = sum(trace.size for trace in ours.traces)
        tracemalloc.stop()
    assert grown < 40_000, "150 sessions more"
    assert len(await kept(tmp_path)) == 200


def test_sessions_are_kept_apart_from_what_else_lies_there(tmp_path: Path) -> None:
    (tmp_path / "my thesis").mkdir()
    (tmp_path / "20261122T131226Z-c1-notours").mkdir()
    assert kept_sessions(tmp_path) == []
    assert kept_sessions(tmp_path / "absent") == []
