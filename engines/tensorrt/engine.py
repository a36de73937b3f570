"""The model on an NVIDIA GPU by TensorRT."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.cuda.device import Device
from engines.cuda.library import load_library as load_cuda
from engines.tensorrt.build import BATCHES
from engines.tensorrt.check import check_answers
from engines.tensorrt.compile import build_ahead, compiled, key_for, plan_for, plan_store
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.network import Computed, computed
from engines.tensorrt.plan import PlanKey, PlanStore, slug
from engines.tensorrt.probe import capability_name, check_gpu, probe
from engines.tensorrt.runtime import PlanRefused
from engines.tensorrt.session import Session
from stream_guard.errors import EngineError, ModelError
from stream_guard.frame import Planes
from stream_guard.inference.engine import Compiled, Engine, EngineOptions, Precision, Prediction, Probe
from stream_guard.inference.faces import FrameFaces, in_batches
from stream_guard.inference.shapes import check_batch, check_cuts, prediction
from stream_guard.models.manifest import Manifest

__all__ = ["TensorRTEngine"]

_log = logging.getLogger(__name__)


class TensorRTEngine(Engine):
    """The model on the first NVIDIA GPU, which cuts the faces out of frames, too."""

    name: ClassVar[str] = "tensorrt"
    cuts: ClassVar[bool] = True

    def __init__(self) -> None:
        self._device: Device | None = None
        self._session: Session | None = None
        self._manifest: Manifest | None = None
        self._max_batch = 0

    @classmethod
    def probe(cls) -> Probe:
        """Say whether TensorRT can run here."""
        return probe()

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Take the GPU, find or build the plan, warm it up and check its answers.

        The first time this takes seconds, with TensorRT minutes; then the plan is in the cache.

        Raises:
            EngineUnavailable: TensorRT or a GPU is missing, too old, or cannot compute in this precision.
            EngineError: the file is damaged or not what the manifest says, or the GPU is out of memory or fails.
            EngineLost: the GPU is gone.
        """
        self.close()
        library = load_library()
        try:
            self._device = device = Device.open()
            check_gpu(library, device.name, device.capability, int(load_cuda().get_driver_version()))
            capability = capability_name(device.capability)
            precision = computed(options.precision, manifest, capability)
            store = _store()
            key = key_for(library, model, precision, capability=capability, gpu=device.name)
            self._manifest, self._max_batch = manifest, options.max_batch
            self._session = self._open(library, device, key, model, manifest, store)
            self._check(model, precision)
        except BaseException:
            self.close()
            raise

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model; see `Engine.infer`."""
        session, manifest = self._ready()
        check_batch(batch, size=manifest.size, max_batch=self._max_batch)
        largest = BATCHES[-1]
        runs = [session.run(batch[start : start + largest]) for start in range(0, len(batch), largest)]
        return _joined(runs, manifest, len(batch))

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        """Cut faces out on the GPU and run the model; see `Engine.infer_cuts`."""
        session, manifest = self._ready()
        check_cuts(frames, max_batch=self._max_batch)
        runs = [session.run_frames(some) for some in in_batches(frames, BATCHES[-1])]
        return _joined(runs, manifest, sum(map(len, frames)))

    def close(self) -> None:
        """Free the plan, then the GPU."""
        session, self._session = self._session, None
        device, self._device = self._device, None
        self._manifest = None
        if session is not None:
            session.close()
        if device is not None:
            device.close()

    @classmethod
    def build(
        cls,
        model: Path,
        manifest: Manifest,
        *,
        target: str = "current",
        precision: Precision = "auto",
        folder: Path | None = None,
        progress: Callable[[str], None] = lambda phase: None,
    ) -> Compiled:
        """Build a plan and keep it; see `Engine.build`. TensorRT-RTX builds for GPUs that are not here, too."""
        return build_ahead(model, manifest, target=target, precision=precision, folder=folder, progress=progress)

    def _ready(self) -> tuple[Session, Manifest]:
        if self._session is None or self._manifest is None:
            raise EngineError("tensorrt holds no model: call load first, and nothing after close")
        return self._session, self._manifest

    def _open(
        self, library: Library, device: Device, key: PlanKey, model: Path, manifest: Manifest, store: PlanStore
    ) -> Session:
        """Return the plan, ready to run; one that TensorRT refuses is built anew, once."""
        kernels = f"{key.stem()}-{slug(device.name)}.kernels"
        kept = store.read(kernels)
        largest = min(self._max_batch, BATCHES[-1])

        def session(plan: bytes | None) -> Session:
            assert plan is not None
            return Session(library, device, plan, size=manifest.size, max_batch=largest, compiled=kept)

        try:
            ready = session(plan_for(library, key, model, manifest, store).plan)
        except PlanRefused as error:
            ready = session(compiled(library, key, model, manifest, store, why=str(error)).plan)
        content = ready.compiled()
        if content and content != kept:
            try:
                store.write(kernels, content)
            except EngineError as error:
                _log.warning("%s; kernels will be compiled again next time", error)
        return ready

    def _check(self, model: Path, precision: Computed) -> None:
        _, manifest = self._ready()
        ways = self.infer, self._infer_as_frames
        check_answers(ways, model, manifest, precision, max_batch=self._max_batch)

    def _infer_as_frames(self, batch: NDArray[np.uint8]) -> Prediction:
        """Show crops as if each were a frame, cut out whole."""
        whole = np.eye(2, 3)[None]
        return self.infer_cuts([FrameFaces(Planes.of_rgb(crop), whole) for crop in batch])


def _joined(runs: Sequence[dict[str, NDArray[np.float32]]], manifest: Manifest, faces: int) -> Prediction:
    """Return several runs' outputs as one answer."""
    logits, *others = (
        runs[0][name] if len(runs) == 1 else np.concatenate([run[name] for run in runs])
        for name in (("logits",) if manifest.patch_grid is None else ("logits", "patches"))
    )
    return prediction(logits, others[0] if others else None, faces=faces)


def _store() -> PlanStore:
    try:
        return plan_store()
    except ModelError as error:
        raise EngineError(str(error)) from error
