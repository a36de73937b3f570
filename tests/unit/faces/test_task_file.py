from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from stream_guard.errors import ModelError
from stream_guard.faces.task_file import TaskFile
from stream_guard.models import store

pytestmark = pytest.mark.unit

TFLITE = b"TFL3"


@pytest.fixture(scope="module")
def task() -> TaskFile:
    return TaskFile(store.path(store.LANDMARKER))


def test_both_networks_are_tensorflow_lite(task: TaskFile) -> None:
    assert task.landmarks[4:8] == task.detector[4:8] == TFLITE
    assert len(task.landmarks) > len(task.detector)


def test_the_canonical_face_is_one_in_centimetres(task: TaskFile) -> None:
    face = task.face
    assert face.points.shape == (len(face.indices), 3)
    assert face.weights.shape == (len(face.indices),)
    assert (face.weights > 0).all()
    assert set(face.indices) <= set(range(468))
    across, down, _ = np.ptp(face.points, axis=0)
    assert 10 < across < 20
    assert 8 < down < 25
    right, left = (face.points[list(face.indices).index(corner)] for corner in (33, 263))
    assert right == pytest.approx(left * (-1, 1, 1), abs=1e-4), "the outer corners of the eyes mirror each other"


def _written(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as task:
        for name, content in files.items():
            task.writestr(name.replace("_DOT_", "."), content)
    return path


@pytest.mark.parametrize("content", [b"", b"\x0a", b"\x0a\x05abc", b"\x12\x02\x08\xff", b"\x0b" * 20, b"\xff" * 30])
def test_what_is_broken_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    networks = {"face_landmarks_detector_DOT_tflite": b"", "face_detector_DOT_tflite": b""}
    geometry = {"geometry_pipeline_metadata_landmarks_DOT_binarypb": content}
    for path in (
        tmp_path / "missing.task",
        _written(tmp_path / "empty.task"),
        _written(tmp_path / "geometry.task", **networks, **geometry),
    ):
        with pytest.raises(ModelError, match="is no face landmarker") as told:
            TaskFile(path)
        assert "\n" not in str(told.value)
