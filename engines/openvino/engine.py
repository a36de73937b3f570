"""The model on the CPU by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.openvino.library import load_library
from engines.openvino.probe import probe
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.engine import Engine, EngineOptions, Network, Prediction, Probe
from stream_guard.inference.shapes import check_batch, check_graph, one_line, prediction
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
    """The model on the CPU, in float32, compiled for a few batch sizes."""

    name: ClassVar[str] = "openvino"

    def __init__(self) -> None:
        self._requests: dict[int, Any] = {}
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
            EngineUnavailable: openvino does not load here.
            EngineError: the file is damaged, or is not what the manifest says.
        """
        self.close()
        core, graph = _read(model)
        check_graph(manifest, _ports(graph.inputs), _ports(graph.outputs))
        names = [port.get_names() for port in graph.outputs]
        wanted = ["logits"] if manifest.patch_grid is None else ["logits", "patches"]
        self._outputs = [next(i for i, known in enumerate(names) if name in known) for name in wanted]
        self._manifest, self._max_batch = manifest, options.max_batch
        try:
            for faces in _BATCHES:
                if faces <= options.max_batch:
                    shape = (faces, manifest.size, manifest.size, 3)
                    self._requests[faces] = _compile(core, graph, shape, options.threads, model.name)
                    _run(self._requests[faces], np.zeros(shape, dtype=np.uint8))
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
            part = next(size for size in self._requests if size <= faces - done)
            outputs = _run(self._requests[part], batch[done : done + part])
            for index, answer in zip(self._outputs, answers, strict=True):
                answer[done : done + part] = outputs[index].data
            done += part
        return prediction(answers[0], answers[1] if grid is not None else None, faces=faces)

    def close(self) -> None:
        """Free the compiled graphs."""
        self._requests = {}
        self._manifest = None

    @classmethod
    def open_network(cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0) -> Network:
        """Open another network at one input shape, whatever shape the file was exported with.

        It computes in bfloat16 where the CPU has it: the face finder takes half the time (18 against 35 ms, best
        of 15, interleaved) and finds the same faces.

        Raises:
            EngineUnavailable: openvino does not load here.
            EngineError: the file cannot be read, or cannot take this shape.
        """
        core, graph = _read(path)
        if len(graph.inputs) != 1:
            raise EngineError(f"{path.name} has {len(graph.inputs)} inputs instead of one")
        request = _compile(core, graph, input_shape, threads, path.name, exact=False)

        def run(tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            if tensor.shape != input_shape:
                raise EngineError(f"{path.name} was opened for {input_shape}, not {tensor.shape}")
            return [output.data.copy() for output in _run(request, tensor)]

        run(np.zeros(input_shape, dtype=np.float32))
        return run


def _read(path: Path) -> tuple[Any, Any]:
    """Return OpenVINO's core and the file as its graph."""
    try:
        core = load_library().Core()
    except ImportError as error:
        raise EngineUnavailable(f"openvino does not load: {error}") from error
    try:
        return core, core.read_model(path)
    except Exception as error:  # OpenVINO raises plain RuntimeError and others
        raise EngineError(f"openvino cannot open {path.name}: {one_line(error)}") from error


def _compile(core: Any, graph: Any, shape: tuple[int, ...], threads: int, name: str, *, exact: bool = True) -> Any:
    """Return a request for the graph at one input shape; where not exact, in bfloat16 if the CPU has it."""
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": threads or physical_cores(),
        # A thread pinned to a core waits for whoever else runs there, such as the tracker: 5 % dearer when
        # the machine is busy, no gain when it is not.
        "ENABLE_CPU_PINNING": False,
    }
    if exact:
        # CPUs with AVX-512 BF16 compute in bfloat16 unasked, and then no longer agree with other engines.
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        graph.reshape({graph.inputs[0]: shape})
        return core.compile_model(graph, "CPU", settings).create_infer_request()
    except Exception as error:
        raise EngineError(f"openvino cannot compile {name} for {shape}: {one_line(error)}") from error


def _run(request: Any, tensor: NDArray[Any]) -> list[Any]:
    """Run one request on memory that is not copied; its outputs stand until the next run."""
    try:
        request.infer({0: tensor}, share_inputs=True)
    except Exception as error:
        raise EngineError(f"openvino failed: {one_line(error)}") from error
    return list(request.output_tensors)


def _ports(ports: list[Any]) -> list[tuple[str, list[int | None]]]:
    """Return name and shape; None where a dimension is open."""
    return [
        (
            port.get_any_name(),
            [size.get_length() if size.is_static else None for size in port.get_partial_shape()],
        )
        for port in ports
    ]
