"""A machine with a GPU and TensorRT, all of it made of NumPy and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.tensorrt import engine as engine_module
from engines.tensorrt.library import Library
from tests.engines.fake_gpu import FakeGpu, fake_tensorrt

__all__ = ["Machine"]


class Machine:
    """A machine with a GPU.

    Attributes:
        gpus: every device that was opened.
        gpu_faults: of `FakeGpu`.
        faults: of `fake_tensorrt`.
        cache: where plans are kept.
        crop: the kernel, built for the host; without it faces can only be cut out whole.
    """

    crop: Any = None

    def __init__(self, patch: pytest.MonkeyPatch, cache: Path) -> None:
        self._patch, self.cache = patch, cache
        self.gpus: list[FakeGpu] = []
        self.gpu_faults: set[str] = set()
        self.faults: dict[str, Any] = {}
        patch.setenv("STREAM_GUARD_CACHE", str(cache))
        patch.setattr(engine_module, "Device", SimpleNamespace(open=self._open))
        self.driver(13000)
        self.install()

    def install(self, *, rtx: bool = True, version: str = "") -> None:
        module = fake_tensorrt(self.faults, lambda: self.gpus[-1], rtx=rtx)
        flavour: Any = "tensorrt_rtx" if rtx else "tensorrt"
        library = Library(module, flavour, version or module.__version__, 13 if rtx else 12)
        self._patch.setattr(engine_module, "load_library", lambda: library)

    def driver(self, version: int) -> None:
        self._patch.setattr(engine_module, "load_cuda", lambda: SimpleNamespace(get_driver_version=lambda: version))

    def _open(self) -> FakeGpu:
        self.gpus.append(FakeGpu(self.gpu_faults, self.crop))
        return self.gpus[-1]

    @property
    def plans(self) -> list[Path]:
        return sorted((self.cache / "tensorrt").glob("*.plan"))

    @property
    def sidecar(self) -> Path:
        (path,) = (self.cache / "tensorrt").glob("*.json")
        return path
