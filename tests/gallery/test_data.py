"""Where the videos are looked for, and when a test without them may be skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import data

pytestmark = pytest.mark.unit


def put(folder: Path) -> Path:
    video = folder / "videos" / "people" / "a.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    return video


def test_the_named_folder_comes_before_the_one_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_BESIDE", tmp_path / "beside")
    monkeypatch.delenv(data.VARIABLE, raising=False)
    beside, named = put(tmp_path / "beside"), put(tmp_path / "named")
    assert data.videos("people") == [beside]
    monkeypatch.setenv(data.VARIABLE, str(tmp_path / "named"))
    assert data.videos("people") == [named]


def test_without_data_tests_are_skipped_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_BESIDE", tmp_path / "beside")
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match="STREAM_GUARD_DATA"):
        data.videos("people")


def test_a_wrong_folder_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(data.VARIABLE, str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="there is no videos/people"):
        data.videos("people")
