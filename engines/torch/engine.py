"""The model by PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.torch.probe import probe
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.engine import Engine, EngineOptions, Precision, Prediction, Probe
from stream_guard.inference.precision import chosen_precision
from stream_guard.inference.shapes import check_batch, check_graph, one_line, prediction
from stream_guard.models.manifest import Manifest

if TYPE_CHECKING:
    from engines.torch.graphs import CudaRunner
    from engines.torch.network import Network

__all__ = ["TorchEngine"]

_ON_CUDA: tuple[Precision, ...] = ("fp16", "fp32")
_ON_CPU: tuple[Precision, ...] = ("fp32", "fp16")
"""The fastest first. On the CPU float16 is for nothing but to measure, without a GPU, what it costs in accuracy."""


class TorchEngine(Engine):
    """On CUDA by CUDA graphs, in float16 where that is known to be harmless; elsewhere on the CPU in float32."""

    name: ClassVar[str] = "torch"

    def __init__(self) -> None:
        self._runner: _CpuRunner | CudaRunner | None = None
        self._size = 0
        self._max_batch = 0

    @classmethod
    def probe(cls) -> Probe:
        """Say whether PyTorch can run here."""
        return probe()

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Read the file, place the network and run it at batch 1 and at the largest.

        Raises:
            EngineUnavailable: torch or onnx does not load here, or this precision is not offered on this device.
            EngineError: the file is damaged, is not what the manifest says, or has operators that are not known.
        """
        self.close()
        found = probe()
        if not found.available:
            raise EngineUnavailable(found.reason)
        offers = _ON_CPU if found.device == "cpu" else _ON_CUDA
        half = chosen_precision(options.precision, manifest, engine=self.name, offers=offers) == "fp16"
        try:
            from engines.torch.network import read_network
        except Exception as error:  # a broken installation
            raise EngineUnavailable(f"torch does not load: {one_line(error)}") from error
        network = read_network(model)
        check_graph(manifest, network.inputs, network.outputs)
        outputs = ["logits"] if manifest.patch_grid is None else ["logits", "patches"]
        self._size, self._max_batch = manifest.size, options.max_batch
        if found.device == "cpu":
            self._runner = _CpuRunner(network, outputs, threads=options.threads or physical_cores(), half=half)
        else:
            from engines.torch.graphs import CudaRunner

            self._runner = CudaRunner(network, outputs, size=manifest.size, max_batch=options.max_batch, half=half)
        try:
            for faces in sorted({1, options.max_batch}):
                self.infer(np.zeros((faces, manifest.size, manifest.size, 3), dtype=np.uint8))
        except EngineError:
            self.close()
            raise

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model; see `Engine.infer`."""
        if self._runner is None:
            raise EngineError("torch holds no model: call load first, and nothing after close")
        check_batch(batch, size=self._size, max_batch=self._max_batch)
        logits, *patches = self._runner.run(batch)
        return prediction(logits, patches[0] if patches else None, faces=len(batch))

    def close(self) -> None:
        """Free the network."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


class _CpuRunner:
    """The network as it stands: the plain reference."""

    def __init__(self, network: Network, outputs: list[str], *, threads: int, half: bool) -> None:
        import torch

        self._torch: Any = torch
        self._network: Network | None = network
        self._outputs = outputs
        network.place("cpu", half=half)
        torch.set_num_threads(threads)

    def run(self, batch: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the outputs for a batch."""
        assert self._network is not None
        try:
            with self._torch.inference_mode():
                # Copied: PyTorch warns of memory that may not be written, and keeps no hold on the caller's.
                faces = self._torch.from_numpy(batch.copy())
                answers = self._network({self._network.inputs[0][0]: faces}, self._outputs)
                return [answer.numpy() for answer in answers]
        except Exception as error:
            raise EngineError(f"torch failed: {one_line(error)}") from error

    def close(self) -> None:
        """Forget the network."""
        self._network = None
