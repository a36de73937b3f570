"""Plans on disk: whole or not there, whoever else writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.tensorrt.plan import PlanKey, PlanStore
from stream_guard.errors import EngineError

pytestmark = pytest.mark.engine

KEY = PlanKey(
    model_sha256="a" * 64, precision="fp16", flavour="tensorrt", version="11.4", capability="sm89", gpu="RTX 4090"
)


def test_what_was_put_is_found(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "deep" / "folder")
    assert store.find(KEY).plan is None
    assert store.find(KEY).reason == ""
    sidecar = store.put(KEY, b"the plan", {"layers": 3})
    found = store.find(KEY)
    assert (found.plan, found.reason, found.sidecar) == (b"the plan", "", sidecar)
    told = json.loads((store.folder / f"{KEY.stem()}.json").read_text())
    assert told["contents"] == {"layers": 3}
    assert told["bytes"] == 8
    assert (store.folder / told["plan"]).read_bytes() == b"the plan"
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "b" * 64},
        {"precision": "fp32"},
        {"flavour": "tensorrt_rtx"},
        {"capability": "sm86"},
        {"gpu": "x"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_model_gpu_or_precision_has_another_file(change: dict[str, str]) -> None:
    assert KEY.model_copy(update=change).stem() != KEY.stem()


def test_a_name_is_a_file_name_whatever_the_gpu_is_called() -> None:
    stem = KEY.model_copy(update={"gpu": "../NVIDIA T4 / \N{TRADE MARK SIGN}"}).stem()
    assert stem == "aaaaaaaaaaaa-fp16-tensorrt-sm89-nvidia-t4"


def test_a_sidecar_cannot_point_out_of_the_folder(tmp_path: Path) -> None:
    store = PlanStore(tmp_path / "plans")
    store.put(KEY, b"the plan", None)
    path = store.folder / f"{KEY.stem()}.json"
    told = json.loads(path.read_text())
    (tmp_path / "elsewhere.plan").write_bytes(b"the plan")
    told["plan"] = "../elsewhere.plan"
    path.write_text(json.dumps(told))
    assert store.find(KEY).plan is None


def test_an_old_plan_goes_when_a_new_one_comes_but_not_at_once(tmp_path: Path) -> None:
    store = PlanStore(tmp_path)
    store.put(KEY, b"first", None)
    neighbour = KEY.model_copy(update={"gpu": "RTX 4090 Laptop"})
    store.put(neighbour, b"of another GPU, with a name that begins alike", None)
    store.put(KEY, b"second", None)
    assert len(list(tmp_path.glob("*.plan"))) == 3  # somebody may just be about to read the first
    for path in tmp_path.glob("*.plan"):
        os.utime(path, (time.time() - 7200,) * 2)
    store.put(KEY, b"third", None)
    assert sorted(path.read_bytes()[:5] for path in tmp_path.glob("*.plan")) == [b"of an", b"third"]
    assert store.find(neighbour).plan is not None


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="cannot keep") as caught:
        PlanStore(tmp_path / "file" / "plans").put(KEY, b"plan", None)
    assert "\n" not in str(caught.value)


@pytest.mark.timeout(60)
def test_processes_that_write_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from engines.tensorrt.plan import PlanKey, PlanStore\n"
        "key = PlanKey.model_validate_json(sys.argv[2])\n"
        "store = PlanStore(Path(sys.argv[1]))\n"
        "for turn in range(25):\n"
        "    store.put(key, f'{sys.argv[3]} {turn}'.encode() * 5000, None)\n"
        "    found = store.find(key)\n"
        "    assert found.plan is not None, found.reason\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), KEY.model_dump_json()]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in ("one", "two")]
    store, seen = PlanStore(tmp_path), set()
    while any(writer.poll() is None for writer in writers):
        found = store.find(KEY)
        assert not found.reason, found.reason
        seen.add((found.plan or b"")[:3])
    for writer in writers:
        assert writer.communicate()[1] == ""
        assert writer.returncode == 0
    assert seen >= {b"one", b"two"}
