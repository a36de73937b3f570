"""An engine by script that cuts faces out of frames by itself, and what the CPU would cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.faces.align import cut
from stream_guard.frame import Planes
from stream_guard.inference.engine import Prediction
from stream_guard.inference.faces import FrameFaces
from stream_guard.inference.shapes import check_cuts
from stream_guard.sources.colour import to_rgb
from stream_guard.testing.engines import ScriptedEngine

__all__ = ["CuttingEngine", "crops_of", "rgb_of", "video_frame"]

_SPACES = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709}


class CuttingEngine(ScriptedEngine):
    """A scripted engine that takes frames.

    Attributes:
        cut_from: for each batch that came as frames, their pixel formats and how many faces were in each.
    """

    name: ClassVar[str] = "cutting"
    cuts: ClassVar[bool] = True

    def __init__(self, *given: Any, fail_cuts_on: Iterable[int] = (), **script: Any) -> None:
        """Write the script.

        Args:
            *given: as for `ScriptedEngine`.
            fail_cuts_on: numbers of the batches of frames, from 0, that it cannot cut.
            **script: as for `ScriptedEngine`.
        """
        super().__init__(*given, **script)
        self._fail_cuts_on = frozenset(fail_cuts_on)
        self.cut_from: list[list[tuple[str, int]]] = []

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        """Cut as the CPU does, then follow the script."""
        if not self.loaded:
            raise EngineError("cutting holds no model: call load first, and nothing after close")
        check_cuts(frames, max_batch=self._max_batch)
        self.cut_from.append([(frame.planes.pixel_format, len(frame)) for frame in frames])
        if len(self.cut_from) - 1 in self._fail_cuts_on:
            raise EngineError("these frames cannot be cut, by script")
        return self.infer(crops_of(frames, self._size))


def crops_of(frames: Sequence[FrameFaces], size: int) -> NDArray[np.uint8]:
    """Return the faces as the CPU cuts them: uint8, shape (n, size, size, 3), RGB."""
    return np.stack([cut(rgb_of(one.planes), matrix, size=size) for one in frames for matrix in one.matrices])


def rgb_of(planes: Planes) -> NDArray[np.uint8]:
    """Return a picture as the sources convert it: uint8, shape (height, width, 3)."""
    if planes.pixel_format == "rgb24":
        return np.ascontiguousarray(
            planes.planes[0][: planes.height, : planes.width * 3].reshape(planes.height, planes.width, 3)
        )
    return to_rgb(video_frame(planes), hd_is_bt709=False)


def video_frame(planes: Planes) -> VideoFrame:
    """Return a copy of YUV planes as the decoders give it, matrix and range stated."""
    frame = VideoFrame(planes.width, planes.height, planes.pixel_format)
    for plane, values, (height, width) in zip(frame.planes, planes.planes, planes.shapes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:height, :width] = values[:height, :width]
        plane.update(rows.tobytes())
    frame.colorspace = _SPACES[planes.primaries]
    frame.color_range = ColorRange.JPEG if planes.full_range else ColorRange.MPEG
    return frame
