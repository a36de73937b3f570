"""Measures the faces of all streams: by the landmark network in an engine of ours, else by MediaPipe's own runtime.

Which engine takes the network is found out by asking: OpenVINO reads TensorFlow Lite, ONNX Runtime does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineError, ModelError
from stream_guard.face import Box
from stream_guard.faces.landmark_network import LandmarkNetwork
from stream_guard.faces.landmarker import Landmarker, Measured
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.near_face import NearFaceDetector
from stream_guard.faces.task_file import TaskFile
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.engine import Network
from stream_guard.inference.network_threads import NetworkThreads
from stream_guard.inference.registry import Candidate, candidates, open_network

__all__ = ["FaceMeasurer"]

log = logging.getLogger(__name__)

_MOST_COPIES = 4
"""Copies of the network: as many streams are measured at once. Each takes a core and some megabytes."""


class FaceMeasurer:
    """Shared by all streams, from any thread. MediaPipe takes over, for good, where the network fails in mid-call.

    Attributes:
        runtime: what measures: ``network`` or ``mediapipe``.
    """

    def __init__(
        self,
        task: Path,
        *,
        among: Iterable[Candidate] | None = None,
        patience_s: float = 5.0,
        told: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Open the network, or start MediaPipe.

        Args:
            task: ``face_landmarker.task``.
            among: engines, where they are known already; probing imports them.
            patience_s: a network that has not answered after so many seconds hangs.
            told: is given what failed and what was done about it, in words, from any thread.

        Raises:
            ModelError: the file is missing, or MediaPipe cannot read it.
        """
        self._task = task
        self._told = told
        self._mesh: FaceMesh | None = None
        self._threads: list[NetworkThreads] = []
        self._lock = Lock()
        self._closed = False
        self._measures: LandmarkNetwork | Landmarker = self._network(among, patience_s) or self._mediapipe()

    @property
    def runtime(self) -> str:
        """What measures: ``network`` or ``mediapipe``."""
        return "mediapipe" if isinstance(self._measures, Landmarker) else "network"

    def measure(
        self, rgb: NDArray[np.uint8], box: Box, *, tilt: float | None = None, tight: bool = False
    ) -> Measured | None:
        """Measure the face in a box; see `stream_guard.faces.landmarker.Landmarker.measure`.

        Raises:
            ModelError: MediaPipe, too, has failed for good, or this was closed.
        """
        measures = self._measures
        try:
            return measures.measure(rgb, box, tilt=tilt, tight=tight)
        except EngineError as error:
            with self._lock:
                if self._closed:
                    raise ModelError("the face measurer has been closed") from error
                if self._measures is measures:
                    log.error("the landmark network is given up, MediaPipe goes on: %s", error)
                    self._measures = self._mediapipe()
                    self._told(f"the landmark network failed ({error}), and MediaPipe's own runtime goes on")
        return self._measures.measure(rgb, box, tilt=tilt, tight=tight)

    def close(self) -> None:
        """End what was started. Safe to call twice."""
        self._closed = True
        for threads in self._threads:
            threads.close()
        if self._mesh is not None:
            self._mesh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _network(self, among: Iterable[Candidate] | None, patience_s: float) -> LandmarkNetwork | None:
        """Return the network in an engine of ours, or None where none takes it."""
        task = TaskFile(self._task)
        rows = tuple(candidates() if among is None else among)
        copies = min(physical_cores(), _MOST_COPIES)
        try:
            landmarks = _opened(task.landmarks, LandmarkNetwork.INPUT_SHAPE, copies, rows)
            detector = _opened(task.detector, NearFaceDetector.INPUT_SHAPE, 1, rows)
        except (EngineError, OSError) as error:  # or there is no room for the file an engine reads
            log.info("MediaPipe measures faces: %s", error)
            return None
        self._threads = [
            NetworkThreads(landmarks, name="landmarks", patience_s=patience_s),
            NetworkThreads(detector, name="near face", patience_s=patience_s),
        ]
        return LandmarkNetwork(self._threads[0], NearFaceDetector(self._threads[1]), task.face)

    def _mediapipe(self) -> Landmarker:
        self._mesh = FaceMesh(self._task, told=self._told)
        return Landmarker(self._mesh)


def _opened(
    content: bytes, shape: tuple[int, int, int, int], copies: int, rows: Iterable[Candidate]
) -> list[Network]:
    """Return a TensorFlow Lite network, opened so many times, for one thread each.

    Raises:
        EngineUnavailable: no engine takes it.
    """
    # Engines read files. Windows may hold on to one for a while.
    with TemporaryDirectory(prefix="stream-guard-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "network.tflite"
        file.write_bytes(content)
        # Exact: in bfloat16 points come in steps of a pixel, for a tenth less time.
        return [open_network(file, shape, threads=1, exact=True, among=rows) for _ in range(copies)]
