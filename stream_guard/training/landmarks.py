"""Facial landmarks of single pictures, with MediaPipe's Face Landmarker."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ModelError

__all__ = ["Landmarker"]


class Landmarker:
    """Finds the largest face of a picture. A context manager; belongs to one thread."""

    def __init__(self, task: Path, *, faces: int = 1) -> None:
        """Load the task file.

        Args:
            task: ``face_landmarker.task``.
            faces: how many faces to look for before the largest is taken.

        Raises:
            ModelError: the file is missing or is not a Face Landmarker task.
        """
        from mediapipe.tasks import python as tasks

        if not task.is_file():
            raise ModelError(f"there is no landmarker task file at {task}")
        options = tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(task)), num_faces=faces
        )
        try:
            self._landmarker: Any = tasks.vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{task} is not a Face Landmarker task file") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._landmarker.close()

    def largest(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the landmarks of the largest face, or None where there is no face.

        Args:
            rgb: uint8, shape (height, width, 3).

        Returns:
            float32, shape (478, 2), pixels, in MediaPipe Face Mesh order.
        """
        found = self._faces(rgb, (0, 0))
        if not found:
            # The detector looks at the whole picture at 128 px and misses a face that is small in it: look
            # closer, at nine overlapping quarters.
            height, width = (length // 2 for length in rgb.shape[:2])
            for top in (0, height // 2, height):
                for left in (0, width // 2, width):
                    found += self._faces(rgb[top : top + height, left : left + width], (left, top))
        return max(found, key=lambda face: float(np.ptp(face, axis=0).max()), default=None)

    def _faces(self, rgb: NDArray[np.uint8], corner: tuple[int, int]) -> list[NDArray[np.float32]]:
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        size = np.array(rgb.shape[1::-1], np.float32)
        return [
            np.array([(point.x, point.y) for point in face], np.float32) * size + np.array(corner, np.float32)
            for face in self._landmarker.detect(image).face_landmarks
        ]
