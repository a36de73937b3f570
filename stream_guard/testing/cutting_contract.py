"""The contract of engines that cut faces out of frames by themselves, beside that of every engine.

::

    from stream_guard.testing.cutting_contract import CuttingEngineContract

    class TestMyEngine(CuttingEngineContract):
        engine = MyEngine
"""

# ruff: noqa: D102  the tests' names say what they hold an engine to

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, get_args

import cv2
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from stream_guard.errors import EngineError
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix
from stream_guard.frame import PixelFormat, Planes
from stream_guard.inference.engine import Engine
from stream_guard.inference.faces import FrameFaces
from stream_guard.models.manifest import Manifest
from stream_guard.testing.cutting import crops_of
from stream_guard.testing.engine_contract import MAX_BATCH, EngineContract, faces

__all__ = ["CuttingEngineContract", "picture"]

SIZES = ((96, 64), (322, 180), (97, 64))


def picture(width: int, height: int, pixel_format: PixelFormat = "yuv420p", *, seed: int = 0) -> Planes:
    """Return a frame with something of a camera's, the same for the same arguments."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))
    if pixel_format == "rgb24":
        return Planes.of_rgb(rgb)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    planes = [np.frombuffer(memoryview(one), np.uint8).reshape(-1, one.line_size) for one in frame.planes]
    return Planes(pixel_format, tuple(planes), width, height)


def cuts(planes: Planes, count: int, size: int) -> FrameFaces:
    """Return faces all over a frame: enlarged, shrunk, over the edges."""
    width, height = planes.width, planes.height
    boxes = [
        Box(width * (0.1 + 0.2 * number) % width - 20, height * 0.3 * number % height - 10, side, side * 0.8)
        for number, side in zip(range(count), np.linspace(20, 1.5 * height, count), strict=True)
    ]
    return FrameFaces(planes, np.stack([crop_matrix(box, size=size, margin=1.3) for box in boxes]))


class CuttingEngineContract(EngineContract):
    """Subclass it, set ``engine``."""

    cut_tolerance: ClassVar[float] = 0.02
    """How far logits may be from those of crops cut on the CPU: one grey level of 255 is allowed."""

    def check(self, engine: Engine, frames: list[FrameFaces], size: int) -> NDArray[np.float32]:
        """Hold an answer to that for the same faces cut on the CPU."""
        expected, found = engine.infer(crops_of(frames, size)), engine.infer_cuts(frames)
        np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=self.cut_tolerance)
        assert found.logits.dtype == np.float32
        assert (found.patches is None) == (expected.patches is None)
        if found.patches is not None and expected.patches is not None:
            assert found.patches.shape == expected.patches.shape
        return found.logits

    def test_says_that_it_cuts(self) -> None:
        assert self.engine.cuts

    @pytest.mark.parametrize("size", SIZES, ids=str)
    @pytest.mark.parametrize("pixel_format", ["rgb24", "yuv420p"])
    def test_cuts_as_the_cpu_does(
        self, loaded: Engine, model: tuple[Path, Manifest], pixel_format: PixelFormat, size: tuple[int, int]
    ) -> None:
        side = model[1].size
        self.check(loaded, [cuts(picture(*size, pixel_format), 5, side)], side)

    def test_takes_every_pixel_format(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        for pixel_format in get_args(PixelFormat):
            planes = picture(96, 64, pixel_format)
            assert np.isfinite(loaded.infer_cuts([cuts(planes, 2, model[1].size)]).logits).all()

    def test_matrix_and_range_count(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        side, plain = model[1].size, picture(96, 64)
        answers = [
            self.check(loaded, [cuts(Planes("yuv420p", plain.planes, 96, 64, primaries, full), 3, side)], side)
            for primaries in ("bt601", "bt709")
            for full in (False, True)
        ]
        assert len({answer.tobytes() for answer in answers}) == 4

    def test_faces_of_several_frames_are_one_batch_in_order(
        self, loaded: Engine, model: tuple[Path, Manifest]
    ) -> None:
        side = model[1].size
        frames = [
            cuts(picture(*SIZES[0], seed=0), 2, side),
            cuts(picture(*SIZES[1], "rgb24", seed=1), 4, side),
            cuts(picture(*SIZES[0], seed=2), 3, side),
        ]
        together = self.check(loaded, frames, side)
        alone = [loaded.infer_cuts([frame]).logits for frame in frames]
        np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-4)

    def test_sizes_and_crops_take_turns_and_nothing_is_left_of_the_one_before(
        self, loaded: Engine, model: tuple[Path, Manifest]
    ) -> None:
        side = model[1].size
        frames = [cuts(picture(*size, seed=7), count, side) for size in SIZES for count in (1, 3)]
        first = [loaded.infer_cuts([frame]).logits for frame in frames]
        for _ in range(2):
            for frame, before in zip(frames, first, strict=True):
                loaded.infer(faces(3, side))
                np.testing.assert_allclose(loaded.infer_cuts([frame]).logits, before, rtol=0, atol=1e-5)

    def test_a_frame_is_read_and_left_as_it_was(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        planes = picture(96, 64)
        before = [plane.copy() for plane in planes.planes]
        for plane in planes.planes:
            plane.flags.writeable = False
        first = loaded.infer_cuts([cuts(planes, 2, model[1].size)])
        kept = first.logits.copy()
        loaded.infer_cuts([cuts(picture(96, 64, seed=1), 2, model[1].size)])
        np.testing.assert_array_equal(first.logits, kept)
        for plane, was in zip(planes.planes, before, strict=True):
            np.testing.assert_array_equal(plane, was)

    def test_wrong_frames_are_refused_and_do_no_harm(self, loaded: Engine, model: tuple[Path, Manifest]) -> None:
        side, planes = model[1].size, picture(96, 64)
        good = cuts(planes, 2, side)
        before = loaded.infer_cuts([good]).logits
        y, u, v = planes.planes
        wrong = {
            "no frame": [],
            "no face": [FrameFaces(planes, good.matrices[:0])],
            "too many": [cuts(planes, MAX_BATCH, side), good],
            "a single matrix": [FrameFaces(planes, good.matrices[0])],
            "half precision": [FrameFaces(planes, good.matrices.astype(np.float16))],
            "no number": [FrameFaces(planes, good.matrices * np.nan)],
            "no inverse": [FrameFaces(planes, good.matrices * 0)],
            "a plane is missing": [FrameFaces(Planes("yuv420p", (y, u), 96, 64), good.matrices)],
            "a plane is too small": [FrameFaces(Planes("yuv420p", (y, u, v[:-1]), 96, 64), good.matrices)],
            "rows are too short": [FrameFaces(Planes("yuv420p", (y, u, v), 640, 64), good.matrices)],
            "rows left out": [FrameFaces(Planes("rgb24", (y[::2],), 24, 24), good.matrices)],
            "no pixels": [FrameFaces(Planes("yuv420p", (y, u, v), 0, 64), good.matrices)],
        }
        for what, frames in wrong.items():
            try:
                loaded.infer_cuts(frames)
            except EngineError:
                continue
            pytest.fail(f"took frames that are wrong: {what}")
        np.testing.assert_array_equal(loaded.infer_cuts([good]).logits, before)

    def test_no_cutting_before_load_or_after_close(self, model: tuple[Path, Manifest]) -> None:
        engine, frames = self.engine(), [cuts(picture(96, 64), 1, model[1].size)]
        with pytest.raises(EngineError):
            engine.infer_cuts(frames)
        engine.load(*model, self.options(1))
        engine.infer_cuts(frames)
        engine.close()
        with pytest.raises(EngineError):
            engine.infer_cuts(frames)
