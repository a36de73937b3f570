"""``keys`` and ``verify`` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_guard.cli import app
from stream_guard.recording.minisign import SecretKey
from stream_guard.recording.signing import file_sha256, sign

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("stream_guard.recording.minisign._OPERATIONS", 524_288)  # passphrases cost little here
    monkeypatch.setattr("stream_guard.recording.minisign._MEMORY", 16_777_216)
    return tmp_path


def run(*arguments: str | Path, code: int = 0, answer: str | None = None) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], input=answer, env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


def signed(folder: Path, key: Path) -> tuple[Path, Path]:
    clip, page = folder / "call.mp4", folder / "r.html"
    clip.write_bytes(b"a recording")
    page.write_text(f'<td data-input-sha256="{file_sha256(clip)}"></td>')
    sign(page, SecretKey.decode(key.read_text()))
    return page, clip


def test_ones_own_report_is_verified_without_naming_a_key(tmp_path: Path) -> None:
    from stream_guard.recording.signing import key_path

    run("keys", "new")
    page, clip = signed(tmp_path, key_path())
    assert run("verify", page).startswith("verified: the report is unchanged, signed with key ")
    assert "the report and the recording are unchanged" in run("verify", page, "--input", clip)
    line = run("keys", "show").strip()
    assert len(line) == 56
    assert "verified" in run("verify", page, "--key", line)


def test_each_change_has_its_own_line_and_exit_code(tmp_path: Path) -> None:
    key = tmp_path / "me.key"
    run("keys", "new", "--out", key)
    page, clip = signed(tmp_path, key)
    public = ("--key", key.with_suffix(".pub"))
    clip.write_bytes(b"another recording")
    assert "is not about" in run("verify", page, *public, "--input", clip, code=1)
    page.write_text(page.read_text() + " ")
    assert "NOT VERIFIED: the signature does not fit" in run("verify", page, *public, code=1)
    (tmp_path / "r.html.minisig").unlink()
    assert "there is no signature" in run("verify", page, *public, code=1)
    assert "cannot read" in run("verify", tmp_path / "nothere.html", *public, code=2)
    assert "cannot read the key" in run("verify", page, code=2), "there is no key of one's own"
    run("keys", "new", "--out", tmp_path / "other.key")
    sign(page, SecretKey.decode(key.read_text()))
    assert "another key" in run("verify", page, "--key", tmp_path / "other.pub", code=1)


def test_a_key_is_not_written_over(tmp_path: Path) -> None:
    run("keys", "new", "--out", tmp_path / "me.key")
    assert "exists" in run("keys", "new", "--out", tmp_path / "me.key", code=2)


def test_a_passphrase_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_guard.cli.keys import open_key

    key = tmp_path / "me.key"
    run("keys", "new", "--out", key, "--passphrase", answer="horse\nhorse\n")
    assert SecretKey.needs_passphrase(key.read_text())
    monkeypatch.setenv("STREAM_GUARD_PASSPHRASE", "horse")
    assert open_key(key).public.encode() == key.with_suffix(".pub").read_text()
    assert "horse" not in key.read_text()


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    out = run("keys", "new", "--out", tmp_path / "me.key", "--passphrase", answer="\n\n", code=2)
    assert "protects nothing" in out
    assert not (tmp_path / "me.key").exists()
