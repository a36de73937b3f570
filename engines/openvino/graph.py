"""OpenVINO graphs: read, compiled for one input shape and precision, run without copies."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engines.openvino.library import load_library
from engines.openvino.stages import cut_after_first_stage
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.shapes import one_line

__all__ = ["Graph", "Runner"]


class Runner:
    """A compiled graph; where it was cut in two, one half after the other."""

    def __init__(self, requests: list[Any]) -> None:
        """Take the halves' requests; each one's inputs are the outputs of the one before, in the same memory."""
        self._requests = requests
        for before, after in pairwise(requests):
            for number, tensor in enumerate(before.output_tensors):
                after.set_input_tensor(number, tensor)

    def run(self, tensor: NDArray[Any]) -> list[Any]:
        """Run on memory that is not copied; the outputs stand until the next run.

        Raises:
            EngineError: OpenVINO failed.
        """
        first, *others = self._requests
        try:
            first.infer({0: tensor}, share_inputs=True)
            for request in others:
                request.infer()
        except Exception as error:
            raise EngineError(f"openvino failed: {one_line(error)}") from error
        return list(self._requests[-1].output_tensors)


class Graph:
    """A file as OpenVINO reads it."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            EngineUnavailable: openvino does not load here.
            EngineError: the file cannot be read.
        """
        try:
            self._library = load_library()
            self._core = self._library.Core()
        except ImportError as error:
            raise EngineUnavailable(f"openvino does not load: {error}") from error
        try:
            self._graph = self._core.read_model(path)
        except Exception as error:  # OpenVINO raises plain RuntimeError and others
            raise EngineError(f"openvino cannot open {path.name}: {one_line(error)}") from error
        self._name = path.name
        self.inputs = _ports(self._graph.inputs)
        self.outputs = _ports(self._graph.outputs)

    @property
    def fast_bfloat16(self) -> bool:
        """Whether the CPU computes in bfloat16 by itself, so that it is faster than float32."""
        return str(self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()) == "bf16"

    def position(self, output: str) -> int:
        """Return which output has a name: it may have several."""
        return next(i for i, port in enumerate(self._graph.outputs) if output in port.get_names())

    def compiled(
        self, shape: tuple[int, ...], *, threads: int, precision: str = "f32", exact_start: bool = False
    ) -> Runner:
        """Compile for one input shape.

        Args:
            shape: of the only input.
            threads: 0 takes the physical cores.
            precision: in OpenVINO's words. CPUs with AVX-512 BF16 would compute in bfloat16 unasked, and then no
                longer agree with other engines.
            exact_start: keep the first stage in float32 (`engines.openvino.stages`).

        Raises:
            EngineError: the graph cannot take this shape, or cannot be compiled.
        """
        graph = self._graph.clone()
        try:
            graph.reshape({graph.inputs[0]: shape})
            halves = cut_after_first_stage(self._library, graph) if exact_start else None
            if halves is None:
                return Runner([self._request(graph, threads, precision)])
            front, rest = halves
            return Runner([self._request(front, threads, "f32"), self._request(rest, threads, precision)])
        except Exception as error:
            raise EngineError(f"openvino cannot compile {self._name} for {shape}: {one_line(error)}") from error

    def _request(self, graph: Any, threads: int, precision: str) -> Any:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": threads or physical_cores(),
            "INFERENCE_PRECISION_HINT": precision,
            # A thread pinned to a core waits for whoever else runs there, such as the tracker: 5 % dearer when
            # the machine is busy, no gain when it is not.
            "ENABLE_CPU_PINNING": False,
        }
        return self._core.compile_model(graph, "CPU", settings).create_infer_request()


def _ports(ports: list[Any]) -> list[tuple[str, list[int | None]]]:
    """Return name and shape; None where a dimension is open."""
    return [
        (
            port.get_any_name(),
            [size.get_length() if size.is_static else None for size in port.get_partial_shape()],
        )
        for port in ports
    ]
