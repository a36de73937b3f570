"""``stream-guard engines``."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from stream_guard.cli.engines import app
from stream_guard.inference import registry
from stream_guard.inference.engine import Probe
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
