"""``stream-guard models``, as typed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_guard.cli.models import app
from stream_guard.models import store
from stream_guard.models.store import StoredFile
from tests.unit.models.test_store import CONTENT, FakeOrigin, write_model

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeOrigin:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "__file__", str(tmp_path / "store.py"))
    origin = FakeOrigin()
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setattr(
        store, "FILES", {"a.onnx": StoredFile("a.onnx", "1", digest, len(CONTENT), "MIT", "a test", (origin,))}
    )
    return origin


def test_list_tells_what_is_here_and_what_is_not(tmp_path: Path) -> None:
    before = CliRunner().invoke(app, ["list"])
    assert before.exit_code == 0
    assert "not yet" in before.output
    assert "there is no model" in before.output
    write_model(tmp_path, "default")
    CliRunner().invoke(app, ["pull"])
    after = CliRunner().invoke(app, ["list"])
    assert "not yet" not in after.output
    assert "1 (preview)" in after.output


def test_pull_prints_where_the_files_are(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["pull"])
    assert done.exit_code == 0
    assert str(tmp_path / "cache" / "a.onnx") in done.output


def test_pull_fails_in_one_line(shop: FakeOrigin) -> None:
    shop.content = None
    done = CliRunner().invoke(app, ["pull"])
    assert done.exit_code == 2
    assert done.stderr.startswith("stream-guard: cannot fetch a.onnx")
    assert done.stderr.count("\n") == 1


def test_show_tells_of_a_users_own_model(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(write_model(tmp_path, "mine"))])
    assert done.exit_code == 0
    assert "tiny 1 (preview): for a test" in done.output
    assert "data: train" in done.output


def test_show_of_nothing_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(tmp_path / "absent.onnx")])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
