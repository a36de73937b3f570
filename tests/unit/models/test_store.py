from __future__ import annotations

import hashlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stream_guard.errors import ModelError
from stream_guard.models import store
from stream_guard.models.fetch import Unfetched
from stream_guard.models.store import StoredFile

pytestmark = pytest.mark.unit

CONTENT = b"weights " * 50_000


@dataclass
class FakeOrigin:
    content: bytes | None = CONTENT
    barrier: threading.Barrier | None = None
    calls: list[int] = field(default_factory=list)
    """The size that each call named."""

    def __str__(self) -> str:
        return "the fake origin"

    def fetch(self, size: int) -> bytes:
        self.calls.append(size)
        if self.barrier:
            self.barrier.wait(timeout=15)
        if self.content is None:
            raise Unfetched("the fake origin is away")
        return self.content


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def offer(monkeypatch: pytest.MonkeyPatch, *origins: FakeOrigin) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = StoredFile("a.onnx", "1", digest, len(CONTENT), "MIT", "a test", origins)
    monkeypatch.setattr(store, "FILES", {"a.onnx": file})


def test_a_missing_file_is_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = FakeOrigin()
    offer(monkeypatch, origin)
    assert not store.is_cached("a.onnx")
    assert store.path("a.onnx") == store.path("a.onnx") == cache / "a.onnx"
    assert (cache / "a.onnx").read_bytes() == CONTENT
    assert store.is_cached("a.onnx")
    assert origin.calls == [len(CONTENT)]
    assert [entry.name for entry in cache.iterdir()] == ["a.onnx"]


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], CONTENT[:-1] + b"x"])
def test_a_damaged_file_is_fetched_again(damaged: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, FakeOrigin())
    cache.mkdir()
    (cache / "a.onnx").write_bytes(damaged)
    assert not store.is_cached("a.onnx")
    assert store.path("a.onnx").read_bytes() == CONTENT


def test_the_second_origin_helps_where_the_first_is_away_or_wrong(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, FakeOrigin(None), FakeOrigin(b"something else"), FakeOrigin())
    assert store.path("a.onnx").read_bytes() == CONTENT


def test_what_cannot_be_had_is_one_line_that_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, FakeOrigin(None), FakeOrigin(b"something else"))
    with pytest.raises(ModelError) as caught:
        store.path("a.onnx")
    message = str(caught.value)
    assert "\n" not in message
    assert "the fake origin is away" in message
    assert "sha256 differs" in message
    assert str(cache / "a.onnx") in message
    assert not cache.exists()


def test_many_at_once_all_get_the_whole_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = FakeOrigin(barrier=threading.Barrier(8))  # all eight are inside at the same moment
    offer(monkeypatch, origin)
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: store.path("a.onnx").read_bytes(), range(8)))
    assert contents == [CONTENT] * 8
    assert [entry.name for entry in cache.iterdir()] == ["a.onnx"]


def test_a_cache_that_cannot_be_written_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, FakeOrigin())
    cache.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"cannot keep a\.onnx"):
        store.path("a.onnx")


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(ModelError, match=r"centerface\.onnx, face_landmarker\.task"):
        store.path("nothing.onnx")


def test_pull_fetches_all_and_says_which(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, FakeOrigin())
    told: list[str] = []
    assert store.pull(lambda file: told.append(file.name)) == [cache / "a.onnx"]
    assert told == ["a.onnx"]


@pytest.mark.skipif(sys.platform != "linux", reason="the folder differs by platform")
def test_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAM_GUARD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert store.cache_dir() == Path("/somewhere/stream-guard")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/kim")
    assert store.cache_dir() == Path("/home/kim/.cache/stream-guard")


def write_model(folder: Path, stem: str, *, onnx: bytes | None = CONTENT, file: str | None = None) -> Path:
    manifest = {
        "name": "tiny", "version": "1", "status": "preview", "summary": "for a test",
        "file": f"{stem}.onnx" if file is None else file,
        "sha256": hashlib.sha256(CONTENT).hexdigest(), "licence": "Apache-2.0", "size": 160, "margin": 1.3,
        "mean": [0, 0, 0], "std": [1, 1, 1], "min_face_px": 40, "parameters": 1, "calibration": {},
        "data": [{"name": "none", "items": 1, "terms": "any", "use": "train"}], "made_by": "a test",
    }  # fmt: skip
    (folder / f"{stem}.json").write_text(json.dumps(manifest))
    if onnx is not None:
        (folder / f"{stem}.onnx").write_bytes(onnx)
    return folder / f"{stem}.onnx"


@pytest.mark.parametrize("ending", [".onnx", ".json"])
def test_a_users_own_model_opens_by_either_file(ending: str, tmp_path: Path) -> None:
    onnx = write_model(tmp_path, "mine")
    found, manifest = store.open_model(onnx.with_suffix(ending))
    assert found == onnx
    assert manifest.name == "tiny"


def test_a_model_that_is_not_what_its_manifest_says_is_refused(tmp_path: Path) -> None:
    onnx = write_model(tmp_path, "mine", onnx=CONTENT[:-1])
    with pytest.raises(ModelError, match="damaged"):
        store.open_model(onnx)


def test_a_model_without_its_other_half_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        store.open_model(tmp_path / "absent.onnx")
    (tmp_path / "bare.onnx").write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"cannot read the model manifest .*bare\.json"):
        store.open_model(tmp_path / "bare.onnx")
    manifest = write_model(tmp_path, "lonely", onnx=None).with_suffix(".json")
    with pytest.raises(ModelError, match=r"there is no model .*lonely\.onnx"):
        store.open_model(manifest)


@pytest.mark.parametrize(
    "file", ["../mine.onnx", "sub/mine.onnx", "/mine.onnx", "..\\mine.onnx", "C:mine.onnx", "..", ".", "", "a\0b"]
)
def test_a_manifest_names_a_file_beside_it_and_no_other(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    with pytest.raises(ModelError, match="not the bare name of a file") as caught:
        store.open_model(write_model(folder, "mine", file=file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_a_folder_is_no_model(folder: str) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        store.open_model(Path(folder))


def test_the_shipped_model_lies_beside_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "__file__", str(tmp_path / "store.py"))
    with pytest.raises(ModelError, match=r"there is no model .*default\.onnx"):
        store.default_model()
    onnx = write_model(tmp_path, "default")
    assert store.default_model()[0] == onnx
