"""The model on the CPU by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.openvino.graph import Graph, Runner
from engines.openvino.probe import probe
from stream_guard.errors import EngineError
from stream_guard.inference.engine import Engine, EngineOptions, Network, Precision, Prediction, Probe
from stream_guard.inference.precision import chosen_precision
from stream_guard.inference.shapes import check_batch, check_graph, prediction
from stream_guard.models.manifest import Manifest

__all__ = ["OpenVinoEngine"]

_BATCHES = (4, 2, 1)
"""The batch sizes that are compiled; a larger batch is cut into these.

One graph with an open batch dimension is slower: measured with EfficientNet-Lite0 at 160 px on two cores
shared with others, the fixed graphs took 10 % less CPU time a face at batch 1, 7 % at batch 9, and 18 % less
where batches of 1 and 2 take turns, because a changed shape is prepared anew. A face costs as much in a
batch of 4 as in one of 8, 16 or 32, so there is no use in larger ones; each takes 45 MB.
"""


class OpenVinoEngine(Engine):
    """The model on the CPU, compiled for a few batch sizes.

    In float32; in bfloat16 but for the first stage, where the CPU has it; or as a quantised file says.
    """

    name: ClassVar[str] = "openvino"

    def __init__(self) -> None:
        self._runners: dict[int, Runner] = {}
        self._outputs: list[int] = []
        self._manifest: Manifest | None = None
        self._max_batch = 0

    @classmethod
    def probe(cls) -> Probe:
        """Say whether OpenVINO can run here."""
        return probe()

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Compile the file for each batch size and run each once.

        Raises:
            EngineUnavailable: openvino does not load here, or does not offer this precision.
            EngineError: the file is damaged, or is not what the manifest says.
        """
        self.close()
        graph = Graph(model)
        check_graph(manifest, graph.inputs, graph.outputs)
        precision = chosen_precision(options.precision, manifest, engine=self.name, offers=_offers(graph))
        wanted = ["logits"] if manifest.patch_grid is None else ["logits", "patches"]
        self._outputs = [graph.position(name) for name in wanted]
        self._manifest, self._max_batch = manifest, options.max_batch
        lower = precision == "bf16"
        try:
            for faces in _BATCHES:
                if faces <= options.max_batch:
                    shape = (faces, manifest.size, manifest.size, 3)
                    self._runners[faces] = graph.compiled(
                        shape, threads=options.threads, precision="bf16" if lower else "f32", exact_start=lower
                    )
            self.infer(np.zeros((options.max_batch, manifest.size, manifest.size, 3), dtype=np.uint8))
        except EngineError:
            self.close()
            raise

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model; see `Engine.infer`."""
        if self._manifest is None:
            raise EngineError("openvino holds no model: call load first, and nothing after close")
        check_batch(batch, size=self._manifest.size, max_batch=self._max_batch)
        faces, grid = len(batch), self._manifest.patch_grid
        answers = [np.empty(faces, dtype=np.float32)]
        if grid is not None:
            answers.append(np.empty((faces, grid, grid), dtype=np.float32))
        done = 0
        while done < faces:
            part = next(size for size in self._runners if size <= faces - done)
            outputs = self._runners[part].run(batch[done : done + part])
            for index, answer in zip(self._outputs, answers, strict=True):
                answer[done : done + part] = outputs[index].data
            done += part
        return prediction(answers[0], answers[1] if grid is not None else None, faces=faces)

    def close(self) -> None:
        """Free the compiled graphs."""
        self._runners = {}
        self._manifest = None

    @classmethod
    def open_network(
        cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0, exact: bool = False
    ) -> Network:
        """Open another network at one input shape, whatever shape the file was exported with.

        It computes in bfloat16 where the CPU has it, unless it must be exact: the face finder takes half the time
        (18 against 35 ms, best of 15, interleaved) and finds the same faces. TensorFlow Lite is read, too.

        Raises:
            EngineUnavailable: openvino does not load here.
            EngineError: the file cannot be read, or cannot take this shape.
        """
        graph = Graph(path)
        if len(graph.inputs) != 1:
            raise EngineError(f"{path.name} has {len(graph.inputs)} inputs instead of one")
        precision = "bf16" if graph.fast_bfloat16 and not exact else "f32"
        runner = graph.compiled(input_shape, threads=threads, precision=precision)

        def run(tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            if tensor.shape != input_shape:
                raise EngineError(f"{path.name} was opened for {input_shape}, not {tensor.shape}")
            return [output.data.copy() for output in runner.run(tensor)]

        run(np.zeros(input_shape, dtype=np.float32))
        return run


def _offers(graph: Graph) -> tuple[Precision, ...]:
    """Return what can be computed in here, the fastest first."""
    return ("bf16", "fp32", "int8") if graph.fast_bfloat16 else ("fp32", "int8")
