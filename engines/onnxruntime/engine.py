"""The model on the CPU by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.onnxruntime.library import load_library
from engines.onnxruntime.probe import probe
from engines.onnxruntime.quantiser import quantise
from engines.onnxruntime.reshape import with_input_shape
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.engine import Engine, EngineOptions, Network, Prediction, Probe
from stream_guard.inference.precision import chosen_precision
from stream_guard.inference.shapes import check_batch, check_graph, one_line, prediction
from stream_guard.models.manifest import Manifest

__all__ = ["OnnxRuntimeEngine"]

_ERRORS_ONLY = 3


class OnnxRuntimeEngine(Engine):
    """The model on the CPU, in float32 or as a quantised file says, by one session for every batch size."""

    name: ClassVar[str] = "onnxruntime"

    def __init__(self) -> None:
        self._session: Any = None
        self._size = 0
        self._max_batch = 0
        self._outputs: list[str] = []

    @classmethod
    def probe(cls) -> Probe:
        """Say whether ONNX Runtime can run here."""
        return probe()

    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Open the file and run it at batch 1 and at the largest.

        Raises:
            EngineUnavailable: onnxruntime does not load here, or does not offer this precision.
            EngineError: the file is damaged, or is not what the manifest says.
        """
        self.close()
        session = _open(str(model), options.threads)
        check_graph(manifest, _ports(session.get_inputs()), _ports(session.get_outputs()))
        chosen_precision(options.precision, manifest, engine=self.name, offers=("fp32", "int8"))
        self._size, self._max_batch = manifest.size, options.max_batch
        self._outputs = ["logits"] if manifest.patch_grid is None else ["logits", "patches"]
        self._session = session
        try:
            for faces in sorted({1, options.max_batch}):
                self.infer(np.zeros((faces, manifest.size, manifest.size, 3), dtype=np.uint8))
        except EngineError:
            self.close()
            raise

    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model; see `Engine.infer`."""
        if self._session is None:
            raise EngineError("onnxruntime holds no model: call load first, and nothing after close")
        check_batch(batch, size=self._size, max_batch=self._max_batch)
        try:
            answers = self._session.run(self._outputs, {"faces": batch})
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise EngineError(f"onnxruntime failed: {one_line(error)}") from error
        return prediction(answers[0], answers[1] if len(answers) > 1 else None, faces=len(batch))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    @classmethod
    def open_network(
        cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0, exact: bool = False
    ) -> Network:
        """Open another network at one input shape, whatever shape the file was exported with.

        ONNX Runtime refuses an input that differs from a fixed shape in the file, so the shape is rewritten
        in memory first (`engines.onnxruntime.reshape`). It always computes in float32.

        Raises:
            EngineUnavailable: onnxruntime does not load here.
            EngineError: the file cannot be read, or cannot take this shape.
        """
        try:
            graph = with_input_shape(path.read_bytes(), input_shape)
        except (OSError, ValueError) as error:
            raise EngineError(f"onnxruntime cannot open {path.name}: {error}") from error
        session = _open(graph, threads, name=path.name)
        name = session.get_inputs()[0].name

        def run(tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            if tensor.shape != input_shape:
                raise EngineError(f"{path.name} was opened for {input_shape}, not {tensor.shape}")
            try:
                return list(session.run(None, {name: tensor}))
            except Exception as error:
                raise EngineError(f"onnxruntime failed on {path.name}: {one_line(error)}") from error

        run(np.zeros(input_shape, dtype=np.float32))
        return run

    @classmethod
    def quantise(
        cls,
        model: Path,
        out: Path,
        batches: Iterable[NDArray[np.uint8]],
        nodes: Sequence[str],
        *,
        symmetric: bool = False,
    ) -> None:
        """Write the model with some nodes in INT8; see `Engine.quantise`."""
        quantise(model, out, batches, nodes, symmetric=symmetric)


def _open(model: str | bytes, threads: int, *, name: str = "") -> Any:
    """Return a session on the CPU.

    Its threads sleep when there is nothing to do. Spinning, the default, answers 8 to 19 % sooner when it is
    alone; but measured on two cores, whatever computed next took 1.4 to 1.6 times as long, and next is the
    tracker.
    """
    try:
        library = load_library()
    except ImportError as error:
        raise EngineUnavailable(f"onnxruntime does not load: {error}") from error
    options = library.SessionOptions()
    options.intra_op_num_threads = threads or physical_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return library.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        where = name or Path(str(model)).name
        raise EngineError(f"onnxruntime cannot open {where}: {one_line(error)}") from error


def _ports(ports: list[Any]) -> list[tuple[str, list[int | None]]]:
    """Return name and shape; a dimension that is open has a name in ONNX Runtime, or None."""
    return [(port.name, [size if isinstance(size, int) else None for size in port.shape]) for port in ports]
