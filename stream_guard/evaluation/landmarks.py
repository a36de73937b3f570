"""Facial landmarks of single pictures: of the largest face, however small it is in its picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_guard.faces.mesh import FaceMesh

__all__ = ["LargestFace"]


class LargestFace:
    """Finds the largest face of a picture."""

    def __init__(self, mesh: FaceMesh) -> None:
        """Take what finds the landmarks; whoever made it closes it."""
        self._mesh = mesh

    def largest(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the landmarks of the largest face, or None where there is no face.

        Args:
            rgb: uint8, shape (height, width, 3).

        Returns:
            float32, shape (478, 2), pixels, in MediaPipe Face Mesh order.

        Raises:
            ModelError: MediaPipe's process keeps dying.
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
        size, offset = np.array(rgb.shape[1::-1], np.float32), np.array(corner, np.float32)
        return [mesh.points * size + offset for mesh in self._mesh.detect(np.ascontiguousarray(rgb))]
