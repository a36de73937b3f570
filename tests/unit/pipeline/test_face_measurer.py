"""Which runtime measures faces, and what happens where it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from stream_guard.errors import EngineUnavailable, ModelError
from stream_guard.face import Box
from stream_guard.inference.engine import Network
from stream_guard.models import store
from stream_guard.pipeline import face_measurer
from stream_guard.pipeline.face_measurer import FaceMeasurer

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FACE = Box(179, 69, 93, 109)
TASK = store.LANDMARKER

Tensor = NDArray[np.float32]


def scripted(monkeypatch: pytest.MonkeyPatch, wrap: Callable[[Network], Network]) -> None:
    """Have every network that is opened go through a wrapper."""
    real = face_measurer.open_network
    monkeypatch.setattr(face_measurer, "open_network", lambda *given, **named: wrap(real(*given, **named)))


def test_the_network_measures_and_no_process_is_started() -> None:
    with FaceMeasurer(store.path(TASK)) as measurer:
        assert measurer.runtime == "network"
        assert measurer._mesh is None
        first = measurer.measure(astronaut(), FACE)
        assert first is not None
        assert first.box.iou(FACE) > 0.9
        again = measurer.measure(astronaut(), first.box, tilt=first.tilt)
        assert again is not None
        assert again.box.iou(FACE) > 0.9


def test_mediapipe_measures_where_no_engine_takes_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *given: Any, **named: Any) -> Network:
        raise EngineUnavailable(f"no engine opens {path.name}")

    monkeypatch.setattr(face_measurer, "open_network", refuse)
    with FaceMeasurer(store.path(TASK)) as measurer:
        assert measurer.runtime == "mediapipe"
        measured = measurer.measure(astronaut(), FACE)
        assert measured is not None
        assert measured.box.iou(FACE) > 0.9


def test_mediapipe_takes_over_from_a_network_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def hangs(network: Network) -> Network:
        def run(tensor: Tensor) -> list[Tensor]:
            go_on.wait()
            return network(tensor)

        return run

    scripted(monkeypatch, hangs)
    try:
        with FaceMeasurer(store.path(TASK), patience_s=0.2) as measurer:
            assert measurer.runtime == "network"
            for _ in range(2):
                measured = measurer.measure(astronaut(), FACE)
                assert measured is not None
                assert measured.box.iou(FACE) > 0.9
                assert measurer.runtime == "mediapipe"
    finally:
        go_on.set()


def test_several_streams_see_one_change_of_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(network: Network) -> Network:
        def run(tensor: Tensor) -> list[Tensor]:
            raise RuntimeError("out of memory")

        return run

    scripted(monkeypatch, fails)
    started = []
    real = face_measurer.FaceMesh
    monkeypatch.setattr(face_measurer, "FaceMesh", lambda task, **more: started.append(task) or real(task, **more))
    with FaceMeasurer(store.path(TASK)) as measurer:
        found = []
        streams = [
            threading.Thread(target=lambda: found.append(measurer.measure(astronaut(), FACE))) for _ in range(3)
        ]
        for stream in streams:
            stream.start()
        for stream in streams:
            stream.join()
        assert len(found) == 3
        assert all(found)
        assert len(started) == 1


def test_a_closed_one_starts_nothing_more() -> None:
    measurer = FaceMeasurer(store.path(TASK))
    measurer.close()
    measurer.close()
    with pytest.raises(ModelError, match="closed"):
        measurer.measure(astronaut(), FACE)
    assert measurer._mesh is None


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.task").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"broken\.task"):
        FaceMeasurer(tmp_path / "broken.task")
