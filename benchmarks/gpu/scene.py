"""A frame with faces in it, on the GPU and on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from benchmarks.gpu.plain_driver import PlainCuda
from engines.cuda.device import Device, Memory
from engines.cuda.picture import Layout, Picture
from stream_guard.errors import EngineUnavailable
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.sources.colour import to_rgb

__all__ = ["HEIGHT", "SIZE", "WIDTH", "Scene", "open_device"]

WIDTH, HEIGHT, SIZE = 1280, 720, 176


def open_device() -> tuple[Device, str]:
    """Open the first GPU and say by what.

    Raises:
        EngineUnavailable: there is none, or no driver.
    """
    try:
        return Device.open(), "pycuda"
    except EngineUnavailable as why:
        try:
            cuda = PlainCuda()
            cuda.init()
            count = cuda.Device.count()
        except (OSError, RuntimeError) as error:
            raise EngineUnavailable(f"there is no NVIDIA GPU to measure: {error}") from why
        if count < 1:
            raise EngineUnavailable("there is no NVIDIA GPU to measure: the driver shows none") from why
        return Device(cuda, 0), "the driver alone"


class Scene:
    """One frame of noise in three layouts.

    Attributes:
        rgb: uint8, (HEIGHT, WIDTH, 3): what the sources make of the I420 frame.
        frames: each layout's bytes, page-locked here and where they are on the GPU.
        pictures: each layout's picture on the GPU.
        matrices: float64, (2, 3), one a face; some over an edge, some to be shrunk.
    """

    def __init__(self, device: Device, *, faces: int) -> None:
        random = np.random.default_rng(0)
        half = (HEIGHT // 2, WIDTH // 2)
        y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((HEIGHT, WIDTH), half, half))
        flat = np.concatenate([plane.ravel() for plane in (y, u, v)])
        self.rgb = to_rgb(VideoFrame.from_ndarray(flat.reshape(-1, WIDTH), "yuv420p"), hd_is_bt709=False)
        pairs = np.stack([u, v], axis=2).reshape(half[0], -1)
        self.frames: dict[Layout, tuple[NDArray[np.uint8], Memory]] = {}
        self.pictures: dict[Layout, Picture] = {}
        self._put(device, Layout.I420, [y, u, v])
        self._put(device, Layout.NV12, [y, pairs])
        self._put(device, Layout.RGB, [self.rgb.reshape(HEIGHT, -1)])
        places = random.uniform(-60, (WIDTH - 60, HEIGHT - 60), (faces, 2))
        boxes = [Box(x, y, side, side) for (x, y), side in zip(places, np.linspace(60, 500, faces), strict=True)]
        self.matrices = [crop_matrix(box, size=SIZE, margin=1.4) for box in boxes]

    def crops(self) -> NDArray[np.uint8]:
        """Return the faces as the CPU cuts them: uint8, (faces, SIZE, SIZE, 3)."""
        return np.stack([cut(self.rgb, matrix, size=SIZE) for matrix in self.matrices])

    def _put(self, device: Device, layout: Layout, planes: list[NDArray[np.uint8]]) -> None:
        size = sum(plane.nbytes for plane in planes)
        here: NDArray[Any] = device.staging((size,), np.uint8)
        there = device.memory(size)
        here[:] = np.concatenate([plane.ravel() for plane in planes])
        device.upload(there, here)
        device.synchronize()
        starts = np.cumsum([there.address, *(plane.nbytes for plane in planes[:-1])])
        pitches = tuple(plane.shape[1] for plane in planes)
        self.frames[layout] = here, there
        self.pictures[layout] = Picture(layout, tuple(map(int, starts)), pitches, WIDTH, HEIGHT)
