from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from stream_guard.errors import ModelError
from stream_guard.faces import mesh as module
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FACE = np.ascontiguousarray(astronaut()[:256, 96:352])
WALL = np.full((64, 80, 3), 90, np.uint8)


@pytest.fixture
def mesh() -> Iterator[FaceMesh]:
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        yield mesh


def test_a_face_comes_back_as_fractions_and_a_wall_as_nothing(mesh: FaceMesh) -> None:
    (found,) = mesh.detect(FACE)
    assert found.points.shape == (478, 2)
    assert np.abs(found.points[1] * 256 - (132, 127)).max() < 8, "the tip of the nose"
    assert found.matrix.shape == (4, 4)
    assert found.matrix[3].tolist() == [0, 0, 0, 1]
    assert mesh.detect(WALL) == []
    assert np.array_equal(mesh.detect(FACE)[0].points, found.points), "nothing is kept between pictures"


def test_a_child_that_dies_is_replaced_so_often_and_later_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RESTARTS", 1)
    told: list[str] = []
    with FaceMesh(store.path(store.LANDMARKER), told=told.append) as mesh:
        os.kill(_child(mesh), signal.SIGKILL)
        assert mesh.detect(FACE) == []
        assert told == ["the landmarker's process died or hung, and was started again"]
        assert len(mesh.detect(FACE)) == 1
        os.kill(_child(mesh), signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ModelError, match="the landmarker's process died 1 times in 60 s"):
                mesh.detect(FACE)
        mesh._limit._times.clear()  # as it is a minute later
        assert mesh.detect(FACE) == []
        assert len(mesh.detect(FACE)) == 1
    assert len(told) == 2


def test_a_file_that_was_swapped_meanwhile_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(store.path(store.LANDMARKER).read_bytes())
    with FaceMesh(file) as mesh:
        file.write_bytes(file.read_bytes()[:-1])
        assert len(mesh.detect(FACE)) == 1, "what runs, runs"
        os.kill(_child(mesh), signal.SIGKILL)
        with pytest.raises(ModelError, match="was changed meanwhile"):
            mesh.detect(FACE)


def test_a_process_that_cannot_be_started_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(ModelError, match="cannot be started: Too many open files"):
        FaceMesh(store.path(store.LANDMARKER))


def test_a_child_that_hangs_is_replaced(mesh: FaceMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.5)
    os.kill(_child(mesh), signal.SIGSTOP)
    assert mesh.detect(FACE) == []
    monkeypatch.setattr(module, "_PATIENCE_S", 10.0)
    assert len(mesh.detect(FACE)) == 1


def test_closing_does_not_wait_for_a_child_that_hangs(mesh: FaceMesh) -> None:
    os.kill(_child(mesh), signal.SIGSTOP)
    errors: list[str] = []

    def ask() -> None:
        try:
            mesh.detect(FACE)
        except ModelError as error:
            errors.append(str(error))

    asked = threading.Thread(target=ask)
    asked.start()
    time.sleep(0.2)
    began = time.monotonic()
    mesh.close()
    asked.join(5)
    assert not asked.is_alive()
    assert time.monotonic() - began < 5
    assert errors == ["the face landmarker has been closed"]


def test_closing_ends_the_child(mesh: FaceMesh) -> None:
    pid = _child(mesh)
    mesh.close()
    mesh.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(ModelError, match="closed"):
        mesh.detect(FACE)


def test_a_parent_that_is_killed_leaves_no_child() -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom stream_guard.faces.mesh import FaceMesh\n"
        "mesh = FaceMesh(Path(sys.argv[1]))\nprint(mesh._free.peek()[2][0].pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(store.path(store.LANDMARKER))], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(400):
        try:
            if "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
                return
        except OSError:  # gone, perhaps while it was read
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("the child outlived its parent")


@pytest.mark.parametrize("content", [None, b"no model at all" * 100])
def test_a_file_that_is_no_model_is_told_in_one_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "broken.task"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=r"face landmarker .*broken\.task") as caught:
        FaceMesh(file)
    assert "\n" not in str(caught.value)


def test_mediapipe_is_quiet(mesh: FaceMesh, capfd: pytest.CaptureFixture[str]) -> None:
    mesh.detect(FACE)
    assert capfd.readouterr() == ("", "")


def _child(mesh: FaceMesh) -> int:
    alive = mesh._free.peek()
    assert alive is not None
    return int(alive[2][0].pid)
