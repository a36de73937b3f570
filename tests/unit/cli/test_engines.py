"""``stream-guard engines``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream_guard.cli.engines import app
from stream_guard.errors import EngineError
from stream_guard.inference import registry
from stream_guard.inference.engine import Compiled, Probe
from stream_guard.inference.registry import Candidate
from stream_guard.testing.engines import ScriptedEngine

pytestmark = pytest.mark.unit

ROWS = (
    Candidate("fast", Probe(True, "on the GPU [0]", device="cuda:0", preference=40), ScriptedEngine),
    Candidate("slow", Probe(True, "on the CPU", device="cpu", preference=10), ScriptedEngine),
    Candidate("gone", Probe(False, "not installed: pip install 'thing[extra]'"), None),
)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "candidates", lambda: ROWS)
    monkeypatch.setenv("COLUMNS", "200")


def test_lists_them_with_reasons_and_which_one_auto_takes() -> None:
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0
    lines = done.output.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["fast", "slow", "gone"]
    assert "yes, auto" in lines[0]
    assert "on the GPU [0]" in lines[0]  # not taken for markup
    assert "auto" not in lines[1]
    assert "no" in lines[2]
    assert "thing[extra]" in lines[2]


def test_as_json() -> None:
    rows = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)
    assert rows[0] == {
        "name": "fast",
        "available": True,
        "auto": True,
        "device": "cuda:0",
        "reason": "on the GPU [0]",
    }
    assert [row["auto"] for row in rows] == [True, False, False]
    assert [row["available"] for row in rows] == [True, True, False]


def test_where_none_can_run_auto_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "candidates", lambda: ROWS[2:])
    rows = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)
    assert [row["auto"] for row in rows] == [False]


class Compiler(ScriptedEngine):
    """Writes down what it is asked to build."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012  emptied by the fixture

    @classmethod
    def build(cls, model: Path, manifest: Any, *, progress: Callable[[str], None], **given: Any) -> Compiled:  # type: ignore[override]
        progress("[thinking]")
        if given["target"] == "sm1":
            raise EngineError("there is no such GPU")
        cls.asked.append({"model": model.name, "size": manifest.size, **given})
        return Compiled(Path("/plans") / given["target"], f"for {given['target']}")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    rows = (Candidate("tensorrt", Probe(False, "there is no GPU"), Compiler), *ROWS)
    monkeypatch.setattr(registry, "candidates", lambda: rows)
    Compiler.asked.clear()
    return Compiler.asked


def test_builds_for_each_target_even_where_the_engine_cannot_run(compiler: list[dict[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["build", "--targets", "sm86, sm120", "--precision", "fp16", "--out", "plans"])
    assert done.exit_code == 0, done.output
    common = {"model": "default.onnx", "size": 176, "precision": "fp16", "folder": Path("plans")}
    assert compiler == [{**common, "target": "sm86"}, {**common, "target": "sm120"}]
    told = [line.strip() for line in done.output.splitlines() if line.strip()]
    assert told == ["for sm86", str(Path("/plans/sm86")), "for sm120", str(Path("/plans/sm120"))]


def test_builds_for_the_gpu_that_is_here_unless_told(compiler: list[dict[str, Any]]) -> None:
    assert CliRunner().invoke(app, ["build"]).exit_code == 0
    (asked,) = compiler
    assert (asked["target"], asked["precision"], asked["folder"]) == ("current", "auto", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--targets", "sm1"], "there is no such GPU"),
        (["--targets", " , "], "names no GPU"),
        (["--engine", "other"], "there is no engine other"),
        (["--engine", "gone"], "there is no engine gone: not installed"),
        (["--engine", "slow"], "compiles nothing ahead of time"),
        (["--model", "absent.onnx"], "there is no model absent.onnx"),
    ],
)
def test_what_cannot_be_built_is_one_line(compiler: list[dict[str, Any]], arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["build", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
