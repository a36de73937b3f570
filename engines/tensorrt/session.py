"""A plan on a GPU: memory, CUDA graphs, and the run from crops or frames to logits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.crop import BatchKind, batch_bytes
from engines.cuda.device import Device, Memory
from engines.cuda.work import Graph
from engines.tensorrt.feeds import CropFeed, Feed, FrameFeed
from engines.tensorrt.graph import PIXELS
from engines.tensorrt.library import Library, listener, said
from engines.tensorrt.runtime import open_context, open_engine
from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.faces import FrameFaces
from stream_guard.inference.shapes import one_line

__all__ = ["Session"]

_log = logging.getLogger(__name__)

_STEPS = (1, 2, 4, 8, 16)
"""A batch runs at the next of these sizes or at the largest, filled up with what was there before: a CUDA graph has
one size, and TensorRT-RTX compiles kernels for each."""

_WARM_UPS = 2
"""What is made when it is first needed cannot be captured, so a shape runs once before; the second run shows that
nothing was left."""

_MOST_FRAME_GRAPHS = 32
"""How many sizes of frames are captured, each for one batch size: calls have few, and a graph takes memory."""

_Key = tuple[int, ...]


class Session:
    """All but room for larger frames is allocated when it is made; a run allocates its answer and nothing else.

    It belongs to the thread that made it, as its device does.

    Attributes:
        graphs_on: False launches step by step, for comparison.
    """

    def __init__(
        self, library: Library, device: Device, plan: bytes, *, size: int, max_batch: int, compiled: bytes = b""
    ) -> None:
        """Read a plan and run it once at each batch size.

        Args:
            library: the TensorRT that the plan was built by.
            device: open, on this thread. The session frees nothing of it; its owner closes it afterwards.
            plan: from `engines.tensorrt.build.build`.
            size: side of the input in pixels.
            max_batch: the largest batch, at most that of the plan.
            compiled: what `compiled` returned earlier.

        Raises:
            PlanRefused: the plan is damaged, or not for this GPU, library or model.
            EngineUnavailable: the driver is too old.
            EngineError: the GPU is out of memory, or fails.
            EngineLost: the GPU is gone.
        """
        self.graphs_on = True
        self._device, self._size = device, size
        self._ears = listener(library)
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._cache: Any = None
        self._graphs: dict[_Key, Graph | None] = {}
        self._seen: set[_Key] = set()
        self._outputs: dict[str, tuple[NDArray[np.float32], Memory]] = {}
        self._sizes = tuple(sorted({step for step in _STEPS if step < max_batch} | {max_batch}))
        try:
            self._runtime, self._engine = open_engine(library, self._ears, plan, size=size)
            self._context, self._cache = open_context(library, self._ears, self._engine, compiled)
            self._allocate(max_batch)
            for faces in self._sizes:
                self._prepare(faces)
        except BaseException:
            self.close()  # before the device, which the error would otherwise let go first
            raise

    @property
    def captured(self) -> tuple[int, ...]:
        """The batch sizes that run as one CUDA graph from crops to logits."""
        return tuple(size for size in self._sizes if self._graphs.get((size,)) is not None)

    @property
    def captured_frames(self) -> int:
        """How many sizes of batches and of the frames in them run as one CUDA graph."""
        return sum(len(key) > 1 and graph is not None for key, graph in self._graphs.items())

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Compute a batch and return each output by name, float32, in memory of its own.

        Args:
            batch: uint8, (n, size, size, 3), RGB, 1 <= n <= ``max_batch``.

        Raises:
            EngineError: TensorRT or the GPU failed.
            EngineLost: the GPU is gone.
        """
        size = self._size_for(len(batch))
        self._crops.put(batch)
        return self._run(self._crops, size, len(batch))

    def run_frames(self, frames: Sequence[FrameFaces]) -> dict[str, NDArray[np.float32]]:
        """Cut faces out of frames and compute them; see `run`.

        Args:
            frames: checked (`stream_guard.inference.shapes.check_cuts`), with 1 to ``max_batch`` faces.

        Raises:
            EngineError: as `run`, or the GPU has no room for frames so large.
            EngineLost: the GPU is gone.
        """
        faces = sum(map(len, frames))
        size = self._size_for(faces)
        self._frames.put(frames, size)
        return self._run(self._frames, size, faces)

    def compiled(self) -> bytes:
        """Return the kernels that TensorRT-RTX compiled here, to be kept; empty for TensorRT."""
        if self._cache is None:
            return b""
        try:
            return bytes(self._cache.serialize())
        except Exception as error:  # pybind11's; it is only a cache
            _log.debug("the compiled kernels cannot be kept: %s", one_line(error))
            return b""

    def close(self) -> None:
        """Give TensorRT's objects back, in the order in which they need each other. Safe to call twice."""
        self._graphs = {}
        self._context = self._cache = None
        self._engine = None
        self._runtime = None

    def _allocate(self, faces: int) -> None:
        """Take all the memory there will ever be but for larger frames, and tell TensorRT where its tensors lie."""
        self._pixels = self._device.memory(batch_bytes(BatchKind.FLOAT_NCHW, self._size, faces))
        self._crops = CropFeed(self._device, size=self._size, max_batch=faces)
        self._frames = FrameFeed(self._device, size=self._size, max_batch=faces)
        if scratch := int(self._engine.device_memory_size_v2):
            memory = self._device.memory(scratch)
            self._context.set_device_memory(memory.address, memory.size)
        self._address(PIXELS, self._pixels)
        for name, shape in self._output_shapes(faces).items():
            here: NDArray[np.float32] = self._device.staging(shape, np.float32)
            self._outputs[name] = here, self._device.memory(here.nbytes)
            self._address(name, self._outputs[name][1])

    def _output_shapes(self, faces: int) -> dict[str, tuple[int, ...]]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        shapes = {name: tuple(self._engine.get_tensor_shape(name)) for name in names if name != PIXELS}
        return {name: (faces, *shape[1:]) for name, shape in shapes.items()}

    def _address(self, name: str, memory: Memory) -> None:
        if not self._context.set_tensor_address(name, memory.address):
            raise EngineError(f"TensorRT takes no memory for {name}: {said(self._ears, 'it does not say why')}")

    def _size_for(self, faces: int) -> int:
        return next(size for size in self._sizes if size >= faces)

    def _run(self, feed: Feed, size: int, faces: int) -> dict[str, NDArray[np.float32]]:
        graph = self._graph(feed, size) if self.graphs_on else None
        if graph is not None:
            graph.launch()
        else:
            self._shape(size)
            self._launch(feed, size)
        self._device.synchronize()
        return {name: here[:faces].copy() for name, (here, _) in self._outputs.items()}

    def _graph(self, feed: Feed, size: int) -> Graph | None:
        """Return what was captured. What comes for the second time is captured now: it has run, and it repeats."""
        key = feed.key(size)
        if key in self._graphs:
            return self._graphs[key]
        if key in self._seen:
            self._shape(size)
            self._graphs[key] = self._captured(feed, size)
            return self._graphs[key]
        if len(self._seen) < _MOST_FRAME_GRAPHS:
            self._seen.add(key)
        return None

    def _prepare(self, size: int) -> None:
        """Run a batch size until it is warm, and capture it where that is possible."""
        self._shape(size)
        for _ in range(_WARM_UPS):
            self._launch(self._crops, size)
            self._device.synchronize()
        self._graphs[self._crops.key(size)] = self._captured(self._crops, size)

    def _captured(self, feed: Feed, size: int) -> Graph | None:
        """Return a batch as one CUDA graph that has run; None where it cannot be captured."""
        capturable = getattr(self._context, "is_stream_capturable", None)  # TensorRT-RTX has it, and means it
        if capturable is not None and not capturable(self._device.stream):
            _log.info("TensorRT cannot be captured in a CUDA graph at batch %d: launched step by step", size)
            return None
        try:
            graph = self._device.capture(lambda: self._enqueue(feed, size))
            graph.launch()
            self._device.synchronize()
        except EngineLost:
            raise
        except EngineError as error:
            _log.warning("no CUDA graph at batch %d, launched step by step: %s", size, error)
            return None
        return graph

    def _shape(self, faces: int) -> None:
        if not self._context.set_input_shape(PIXELS, (faces, 3, self._size, self._size)):
            raise EngineError(f"TensorRT takes no batch of {faces}: {said(self._ears, 'it does not say why')}")

    def _launch(self, feed: Feed, size: int) -> None:
        """Put the way from bytes to logits on the stream, and find out what it means if that fails."""
        try:
            self._enqueue(feed, size)
        except EngineLost:
            raise
        except EngineError:
            self._device.synchronize()  # raises EngineLost where the GPU itself is gone
            raise

    def _enqueue(self, feed: Feed, size: int) -> None:
        """Put the way from bytes to logits on the stream; may be captured, so it waits for nothing."""
        feed.enqueue(self._pixels, size)
        self._ears.errors.clear()
        try:
            went = self._context.execute_async_v3(self._device.stream)
        except Exception as error:  # pybind11's
            raise EngineError(f"TensorRT failed: {said(self._ears, one_line(error))}") from error
        if not went:
            raise EngineError(f"TensorRT failed: {said(self._ears, 'it does not say why')}")
        for here, there in self._outputs.values():
            self._device.download(here[:size], there)
