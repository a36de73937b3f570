"""The real finder and landmarker, opened once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from stream_guard.faces.finder import Finder
from stream_guard.faces.landmarker import Landmarker
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.tracker import FaceTracker
from stream_guard.models import store


@pytest.fixture(scope="session")
def finder() -> Finder:
    return Finder(OnnxRuntimeEngine.open_network(store.path(store.FINDER), Finder.INPUT_SHAPE))


@pytest.fixture(scope="session")
def landmarker() -> Iterator[Landmarker]:
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        yield Landmarker(mesh)


@pytest.fixture
def tracker(finder: Finder, landmarker: Landmarker) -> FaceTracker:
    """As with the shipped detector."""
    return FaceTracker(find=finder, landmarker=landmarker, min_face_px=store.default_model()[1].min_face_px)
