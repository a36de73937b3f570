"""The network on CUDA: one CUDA graph for each of a few batch sizes, with the copies to and from the GPU in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.torch.network import Network
from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.shapes import one_line

__all__ = ["CudaRunner", "batch_sizes"]

_WARM_UP = 3
"""Runs before a capture: cuDNN chooses its kernels in the first ones, and that cannot be captured."""

_CUDNN: Any = {"enabled": True, "benchmark": True, "deterministic": True, "allow_tf32": False}
"""How kernels are chosen; a capture keeps the choice. TF32 is not float32: it differs in the third decimal."""


class Captured(Protocol):
    """Work that is launched as one."""

    def replay(self) -> None:
        """Put it on the current stream."""
        ...


@dataclass(frozen=True, slots=True)
class _Size:
    """What one batch size needs; all of it allocated once."""

    faces: Tensor
    """Page-locked, uint8 (n, size, size, 3)."""
    answers: list[Tensor]
    """Page-locked, float32."""
    graph: Captured
    step: Callable[[], None]
    """The same, to be launched piece by piece."""


class CudaRunner:
    """Runs batches on the GPU. A batch is filled up to the next size that was captured.

    Attributes:
        graphs_on: False launches kernel by kernel, for comparison.
    """

    def __init__(self, network: Network, outputs: list[str], *, size: int, max_batch: int, half: bool) -> None:
        """Put the network on the GPU and capture it.

        Args:
            network: freshly read.
            outputs: which of its outputs to return.
            size: side of the input in pixels.
            max_batch: the largest batch.
            half: compute in float16.

        Raises:
            EngineError: the GPU is out of memory, or the network cannot run.
            EngineLost: the GPU is gone.
        """
        self.graphs_on = True
        self._network, self._outputs = network, outputs
        self._sizes: dict[int, _Size] = {}
        with _translated("loading the network"):
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            network.place("cuda", half=half)
            with torch.inference_mode(), torch.cuda.stream(self._stream), torch.backends.cudnn.flags(**_CUDNN):
                for count in batch_sizes(max_batch):
                    self._sizes[count] = self._prepared(count, size)

    def run(self, batch: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the outputs for a batch, as arrays of their own.

        Args:
            batch: uint8, (n, size, size, 3), at most the largest batch.

        Raises:
            EngineError: PyTorch failed.
            EngineLost: the GPU is gone, or its context is broken.
        """
        faces = len(batch)
        at = self._sizes[next(count for count in self._sizes if count >= faces)]
        np.copyto(at.faces.numpy()[:faces], batch)
        with _translated("running the network"):
            with torch.inference_mode(), torch.cuda.stream(self._stream):
                if self.graphs_on:
                    at.graph.replay()
                else:
                    at.step()
            self._stream.synchronize()
        return [answer.numpy()[:faces].copy() for answer in at.answers]

    def close(self) -> None:
        """Free the graphs, and give their memory back: the next engine may need it."""
        self._sizes = {}
        with contextlib.suppress(Exception):  # a lost GPU gives nothing back
            torch.cuda.empty_cache()

    def _prepared(self, count: int, size: int) -> _Size:
        faces = torch.zeros((count, size, size, 3), dtype=torch.uint8, pin_memory=True)
        there = faces.to("cuda")
        name = self._network.inputs[0][0]
        for _ in range(_WARM_UP):
            shown = self._network({name: there}, self._outputs)
        answers = [torch.empty(answer.shape, dtype=torch.float32, pin_memory=True) for answer in shown]

        def step() -> None:
            there.copy_(faces, non_blocking=True)
            for answer, value in zip(answers, self._network({name: there}, self._outputs), strict=True):
                answer.copy_(value, non_blocking=True)

        return _Size(faces, answers, _capture(step, self._stream), step)


def batch_sizes(max_batch: int) -> list[int]:
    """Return the sizes to capture: powers of two, and the largest.

    Args:
        max_batch: the largest batch.
    """
    return [*(2**power for power in range(max_batch.bit_length()) if 2**power < max_batch), max_batch]


def _capture(step: Callable[[], None], stream: Any) -> Captured:
    """Return a step as a CUDA graph. It holds on to the tensors between, which ``step`` keeps to itself."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        step()
    return graph


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn PyTorch's errors into ours."""
    try:
        yield
    except EngineError:
        raise
    except torch.cuda.OutOfMemoryError as error:
        raise EngineError(f"torch: the GPU is out of memory while {what}") from error
    except Exception as error:
        if _lost():
            raise EngineLost(f"torch: the GPU is lost while {what}: {_first_line(error)}") from error
        raise EngineError(f"torch failed while {what}: {_first_line(error)}") from error


def _lost() -> bool:
    """Ask the context. What breaks it is answered to every later call, and nothing else is."""
    try:
        torch.cuda.synchronize()
    except Exception:
        return True
    return False


def _first_line(error: Exception) -> str:
    """PyTorch says what is wrong first, and then how to debug it."""
    return (str(error).strip().splitlines() or [one_line(error)])[0]
