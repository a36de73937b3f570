"""What every inference backend must do. Backends live in `engines` or in other people's packages.

An engine is loaded once, keeps no state between calls, and is warm before it is used. It belongs to one
thread: whoever called `load` calls `infer`. It knows nothing of trackers, sessions or scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import EngineUnavailable
from stream_guard.inference.faces import FrameFaces
from stream_guard.models.manifest import Manifest

__all__ = ["Compiled", "Engine", "EngineOptions", "Network", "Precision", "Prediction", "Probe"]

Network = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]
"""A network with one float32 NCHW input; returns its outputs in the order of the ONNX graph."""

Precision = Literal["auto", "fp32", "fp16", "bf16", "int8"]
"""What an engine computes in. ``auto`` is its fastest that costs at most 0.005 of the AUC; see docs/engines.md."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend can run here.

    Attributes:
        available: True where `load` should work.
        reason: one line: the version and device it would use, or why it cannot.
        device: ``"cpu"``, ``"cuda:0"``...; empty where unavailable.
        preference: higher is taken first by ``auto``. TensorRT 40, torch CUDA 30, OpenVINO 20, ONNX Runtime 10.
    """

    available: bool
    reason: str
    device: str = ""
    preference: int = 0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a caller may ask of any engine.

    Attributes:
        threads: CPU threads for one inference; 0 leaves it to the backend.
        max_batch: the largest batch `infer` will be given.
        precision: what to compute in. `Engine.load` refuses what it does not offer.
    """

    threads: int = 0
    max_batch: int = 32
    precision: Precision = "auto"


class Prediction(NamedTuple):
    """What the model says of a batch.

    Attributes:
        logits: float32, shape (n,). Positive leans to synthetic. Not yet calibrated.
        patches: float32, shape (n, rows, columns): the same per region of the crop, or None.
    """

    logits: NDArray[np.float32]
    patches: NDArray[np.float32] | None


class Compiled(NamedTuple):
    """What `Engine.build` made.

    Attributes:
        file: where it lies.
        contents: one line for people: for what, in what, how large.
    """

    file: Path
    contents: str


class Engine(ABC):
    """One way to run the model.

    Attributes:
        name: what ``--engine`` takes.
        cuts: it can cut faces out of frames by itself (`infer_cuts`), as `stream_guard.faces.align.cut` would. It
            is then given frames while it runs, and must still take crops.
    """

    name: ClassVar[str]
    cuts: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def probe(cls) -> Probe:
        """Say whether this backend can run here. Never raises; imports the backend only if it is installed."""

    @abstractmethod
    def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
        """Read the ONNX file, compile it and run it once for each batch size that matters.

        Args:
            model: the ONNX file, already checked against the manifest's sha256.
            manifest: what the file expects and returns.
            options: threads and largest batch.

        Raises:
            EngineUnavailable: the backend cannot run here, or not in this precision.
            EngineError: it can, but not with this file.
        """

    @abstractmethod
    def infer(self, batch: NDArray[np.uint8]) -> Prediction:
        """Run the model.

        Args:
            batch: uint8, shape (n, size, size, 3), RGB, contiguous, 1 <= n <= ``max_batch``. Colour
                normalisation is part of the ONNX graph, so every engine does the same arithmetic, and a
                crop goes from `faces.align.cut` into the batch without another copy.

        Raises:
            EngineLost: the device, its driver or its context is gone; nothing but `close` makes sense now.
            EngineError: the backend failed, or the batch has the wrong shape.
        """

    def infer_cuts(self, frames: Sequence[FrameFaces]) -> Prediction:
        """Cut faces out of frames and run the model on all of them as one batch.

        Args:
            frames: one or more, of any sizes and formats, with 1 to ``max_batch`` faces altogether.

        Returns:
            The faces of the first frame first.

        Raises:
            EngineLost: as `infer`.
            EngineError: as `infer`; the caller then asks again with crops. Engines that do not cut always raise it.
        """
        raise EngineUnavailable(f"{self.name} takes faces that are cut out already")

    @abstractmethod
    def close(self) -> None:
        """Free what was loaded. Safe to call twice."""

    @classmethod
    def open_network(
        cls, path: Path, input_shape: tuple[int, int, int, int], *, threads: int = 0, exact: bool = False
    ) -> Network:
        """Open any other small network, such as the face finder's, at one fixed input shape.

        Args:
            path: an ONNX file with one float32 input, or another that this backend reads.
            input_shape: of the input, such as (1, channels, height, width).
            threads: CPU threads; 0 leaves it to the backend.
            exact: compute in float32. Else a network may be computed in less, where that is faster.

        Raises:
            EngineUnavailable: this backend does not offer it. CPU engines do.
        """
        raise EngineUnavailable(f"{cls.name} runs only the detector itself")

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
        """Write a model in which some nodes compute in INT8: QuantizeLinear and DequantizeLinear around them.

        Args:
            model: an ONNX file with float32 weights and the detector's input.
            out: where the quantised file goes.
            batches: faces that set the ranges of the activations; each uint8, shape (n, size, size, 3), RGB.
            nodes: names of those to quantise.
            symmetric: int8 with zero points of 0, as GPUs want it; else activations are uint8, which is finer where
                they are never negative.

        Raises:
            EngineUnavailable: this backend has no quantiser, or lacks a package for it.
            EngineError: the file cannot be quantised.
        """
        raise EngineUnavailable(f"{cls.name} has no quantiser")

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
        """Compile the model ahead of time, so that `load` finds it done.

        Args:
            model: the ONNX file.
            manifest: what the file expects and returns.
            target: the device to compile for, in the backend's words; ``current`` is the one that is here.
            precision: what to compute in.
            folder: where to keep it; by default where `load` looks.
            progress: is told what goes on, from any thread.

        Raises:
            EngineUnavailable: this backend compiles nothing ahead, cannot run here, or not for this target.
            EngineError: it can, but not with this file.
        """
        raise EngineUnavailable(f"{cls.name} compiles nothing ahead of time")
