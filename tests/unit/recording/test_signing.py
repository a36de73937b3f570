from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from stream_guard.errors import ConfigError, SignatureError
from stream_guard.recording import signing
from stream_guard.recording.compose import recording, report, settings
from stream_guard.recording.formats import encode, format_of
from tests.unit.recording.scenes import swapped_call

pytestmark = pytest.mark.unit


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "me.key"
    signing.make_keys(path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "call.mp4"
    path.write_bytes(b"a recording" * 100_000)
    return path


def written(folder: Path, clip: Path, ending: str) -> Path:
    one = recording(swapped_call().snapshot(), sha256=signing.file_sha256(clip), size=clip.stat().st_size)
    made = report(
        [one],
        model="default 0.1.0",
        model_sha256="ab" * 32,
        manifest=None,
        settings=settings(None, false_alarms_per_hour=None, engine="scripted"),
    )
    path = folder / f"report{ending}"
    path.write_bytes(encode(made, format_of(path)))
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_a_private_key_is_for_its_owner_alone(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert signing.read_public(str(key.with_suffix(".pub"))) == signing.read_secret(key).public


def test_keys_are_never_written_over(key: Path, tmp_path: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        signing.make_keys(key)
    assert key.read_bytes() == before
    key.unlink()
    with pytest.raises(ConfigError, match="exists"):
        signing.make_keys(key)  # its public half is still there
    with pytest.raises(ConfigError, match=r"\.pub"):
        signing.make_keys(tmp_path / "x.pub")


@pytest.mark.parametrize("ending", [".html", ".json", ".csv"])
def test_report_and_recording_are_verified_together(key: Path, clip: Path, tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, clip, ending)
    secret = signing.read_secret(key)
    beside = signing.sign(path, secret)
    assert beside.name == f"report{ending}.minisig"
    held = signing.verify(path, secret.public)
    assert f"file:report{ending}" in held.comment
    assert held.signed is not None
    assert signing.inputs(path) == {hashlib.sha256(clip.read_bytes()).hexdigest()}
    signing.check_input(path, clip)
    clip.write_bytes(b"another recording")
    with pytest.raises(SignatureError, match="not about"):
        signing.check_input(path, clip)


def test_a_swapped_report_and_a_missing_signature_are_told(key: Path, clip: Path, tmp_path: Path) -> None:
    secret = signing.read_secret(key)
    page, table = written(tmp_path, clip, ".html"), written(tmp_path, clip, ".csv")
    beside = signing.sign(page, secret)
    with pytest.raises(SignatureError, match="was changed"):
        signing.verify(table, secret.public, beside)
    with pytest.raises(SignatureError, match="is missing"):
        signing.verify(table, secret.public)
    beside.write_bytes(b"\xff\xfe")
    with pytest.raises(SignatureError, match="no minisign signature"):
        signing.verify(page, secret.public)
    with pytest.raises(ConfigError, match="cannot read"):
        signing.verify(tmp_path / "nothere.html", secret.public)


def test_a_digest_in_other_text_is_no_recording_of_the_report(clip: Path, tmp_path: Path) -> None:
    digest = signing.file_sha256(clip)
    page = tmp_path / "report.html"
    page.write_text(f"<p>{digest}</p><p>data-input-sha256=&quot;{digest}&quot;</p>")
    assert signing.inputs(page) == set()


def test_keys_that_are_none_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "binary.key").write_bytes(bytes(range(256)))
    for path in (tmp_path / "nothere.key", tmp_path / "binary.key"):
        with pytest.raises(ConfigError) as told:
            signing.read_secret(path)
        assert "\n" not in str(told.value)


def test_the_default_place_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in signing.key_path().parents
