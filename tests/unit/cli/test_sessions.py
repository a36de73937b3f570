from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.recording.archive import data_dir, kept_sessions
from tests.unit.recording.journals import event, journal, scores, session

pytestmark = pytest.mark.unit


def run(*arguments: str, code: int = 0, answer: str | None = None) -> str:
    result = CliRunner().invoke(app, ["sessions", *arguments], input=answer, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with two sessions, the second of which has an ugly label."""

    async def write() -> None:
        async with journal(tmp_path) as writing:
            for name, label in (("c1", "a call"), ("c2", "[red]not markup[/]")):
                writing.take(session(name=name, label=label))
                for number in range(5):
                    writing.take(event(number, name=name))
                    writing.take(scores(number, name=name))
            writing.take(session("ended", name="c1", reason="the sender has ended the stream"))

    asyncio.run(write())
    return tmp_path


def names(folder: Path) -> list[str]:
    return [one.name for one in kept_sessions(folder)]


def test_the_list_is_for_people_and_for_programs(kept: Path) -> None:
    out = run("list", "--journal", str(kept))
    assert all(name in out for name in names(kept))
    assert "2 sessions" in out
    facts = [json.loads(line) for line in run("list", "--journal", str(kept), "--json").splitlines()]
    assert [fact["name"] for fact in facts] == names(kept)
    assert all(fact["bytes"] > 1000 and fact["pictures"] == 0 for fact in facts)


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    assert "0 sessions" in run("list", "--journal", str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "command", [["list"], ["show", "2"], ["report", "2", "--graph"], ["delete", "2"], ["delete", "--all"]]
)
def test_a_folder_that_cannot_be_read_is_one_line(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    said = run(*command, "--journal", str(file), code=2)
    assert said.startswith(f"stream-guard: {file} cannot be read: ")
    assert said.count("\n") == 1


def test_a_session_is_shown_by_the_beginning_of_its_name(kept: Path) -> None:
    first, second = sorted(names(kept), key=lambda name: name.split("-")[1])
    out = run("show", first, "--journal", str(kept))
    assert "state changed: suspicious" in out
    assert "the sender has ended the stream" in out
    assert "whole" in out
    out = run("show", second, "--journal", str(kept))
    assert "[red]not markup[/]" in out, "what comes from outside is text"
    assert "without an end" in out
    shown = run("show", first, "--journal", str(kept), "--json").splitlines()
    assert [json.loads(line)["n"] for line in shown[1:]] == list(range(len(shown) - 1))


def test_a_torn_line_is_counted(kept: Path) -> None:
    name = names(kept)[0]
    (part,) = (kept / name).iterdir()
    part.write_bytes(part.read_bytes()[:-7])
    assert "1 torn" in run("show", name, "--journal", str(kept))


@pytest.mark.parametrize("name", ["2", "nobody", "../x", ""])
def test_a_name_that_fits_not_one_is_refused(kept: Path, name: str) -> None:
    assert "begin with" in run("show", name, "--journal", str(kept), code=2)
    assert "begin with" in run("delete", name, "--journal", str(kept), "--yes", code=2)
    assert len(names(kept)) == 2


def test_sessions_are_deleted_by_name_after_a_question(kept: Path) -> None:
    first, second = names(kept)
    run("delete", first, "--journal", str(kept), answer="n\n", code=1)
    assert names(kept) == [first, second]
    assert "1 deleted" in run("delete", first, "--journal", str(kept), answer="y\n")
    assert names(kept) == [second]
    assert "say which" in run("delete", "--journal", str(kept), code=2)


def test_old_ones_or_all_of_them(kept: Path) -> None:
    first, second = names(kept)
    (part,) = (kept / first).iterdir()
    os.utime(part, (time.time() - 10 * 86_400,) * 2)
    (kept / "something else").mkdir()
    run("delete", "--older-than", "9", "--journal", str(kept), "--yes")
    assert names(kept) == [second]
    run("delete", "--all", "--journal", str(kept), "--yes")
    assert os.listdir(kept) == ["something else"]


def test_the_users_own_folder_is_the_default(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(kept / "data"))
    assert data_dir() == kept / "data" / "stream-guard" / "sessions"
    assert "0 sessions" in run("list")
    assert "0 sessions" in run("list", "--journal", "auto")
