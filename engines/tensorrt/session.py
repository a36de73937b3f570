"""A plan on a GPU: memory, one CUDA graph for each batch size, and the run from bytes to logits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.crop import BatchKind, CropKernel, batch_bytes
from engines.cuda.device import Device, Memory
from engines.cuda.picture import Layout, Picture
from engines.cuda.work import Graph
from engines.tensorrt.graph import PIXELS
from engines.tensorrt.library import Library, listener, said
from engines.tensorrt.runtime import open_context, open_engine
from stream_guard.errors import EngineError, EngineLost
from stream_guard.inference.shapes import one_line

__all__ = ["Session"]

_log = logging.getLogger(__name__)

_STEPS = (1, 2, 4, 8, 16)
"""A batch runs at the next of these sizes or at the largest, filled up with what was there before: a CUDA graph has
one size, and TensorRT-RTX compiles kernels for each."""

_WARM_UPS = 2
"""What is made when it is first needed cannot be captured, so a shape runs once before; the second run shows that
nothing was left."""


class Session:
    """Everything is allocated when it is made; a run allocates its answer and nothing else.

    It belongs to the thread that made it, as its device does.
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
        self._device, self._size = device, size
        self._ears = listener(library)
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._cache: Any = None
        self._graphs: dict[int, Graph] = {}
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
        """The batch sizes that run as one CUDA graph."""
        return tuple(self._graphs)

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Compute a batch and return each output by name, float32, in memory of its own.

        Args:
            batch: uint8, (n, size, size, 3), RGB, 1 <= n <= ``max_batch``.

        Raises:
            EngineError: TensorRT or the GPU failed.
            EngineLost: the GPU is gone.
        """
        faces = len(batch)
        step = next(size for size in self._sizes if size >= faces)
        self._faces[:faces] = batch
        graph = self._graphs.get(step)
        if graph is not None:
            graph.launch()
        else:
            self._shape(step)
            self._launch(step)
        self._device.synchronize()
        return {name: here[:faces].copy() for name, (here, _) in self._outputs.items()}

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
        """Take all the memory there will ever be, and tell TensorRT where its tensors lie."""
        self._faces: NDArray[np.uint8] = self._device.staging((faces, self._size, self._size, 3), np.uint8)
        self._faces[:] = 0
        self._faces_there = self._device.memory(self._faces.nbytes)
        self._pixels = self._device.memory(batch_bytes(BatchKind.FLOAT_NCHW, self._size, faces))
        self._crop = CropKernel(self._device, size=self._size, max_faces=faces, kind=BatchKind.FLOAT_NCHW)
        for face in range(faces):
            self._crop.put(face, self._picture(face), np.eye(2, 3))
        if scratch := int(self._engine.device_memory_size_v2):
            memory = self._device.memory(scratch)
            self._context.set_device_memory(memory.address, memory.size)
        self._address(PIXELS, self._pixels)
        for name, shape in self._output_shapes(faces).items():
            here: NDArray[np.float32] = self._device.staging(shape, np.float32)
            self._outputs[name] = here, self._device.memory(here.nbytes)
            self._address(name, self._outputs[name][1])

    def _picture(self, face: int) -> Picture:
        """Return where one face of the batch lies on the GPU: it is cut out whole."""
        address = self._faces_there.address + face * self._size * self._size * 3
        return Picture(Layout.RGB, (address,), (self._size * 3,), self._size, self._size)

    def _output_shapes(self, faces: int) -> dict[str, tuple[int, ...]]:
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        shapes = {name: tuple(self._engine.get_tensor_shape(name)) for name in names if name != PIXELS}
        return {name: (faces, *shape[1:]) for name, shape in shapes.items()}

    def _address(self, name: str, memory: Memory) -> None:
        if not self._context.set_tensor_address(name, memory.address):
            raise EngineError(f"TensorRT takes no memory for {name}: {said(self._ears, 'it does not say why')}")

    def _prepare(self, faces: int) -> None:
        """Run a batch size until it is warm, and capture it where that is possible."""
        self._shape(faces)
        for _ in range(_WARM_UPS):
            self._launch(faces)
            self._device.synchronize()
        capturable = getattr(self._context, "is_stream_capturable", None)  # TensorRT-RTX has it, and means it
        if capturable is not None and not capturable(self._device.stream):
            _log.info("TensorRT cannot be captured in a CUDA graph at batch %d: launched step by step", faces)
            return
        try:
            self._graphs[faces] = self._device.capture(lambda: self._enqueue(faces))
            self._graphs[faces].launch()
            self._device.synchronize()
        except EngineLost:
            raise
        except EngineError as error:
            self._graphs.pop(faces, None)
            _log.warning("no CUDA graph at batch %d, launched step by step: %s", faces, error)

    def _shape(self, faces: int) -> None:
        if not self._context.set_input_shape(PIXELS, (faces, 3, self._size, self._size)):
            raise EngineError(f"TensorRT takes no batch of {faces}: {said(self._ears, 'it does not say why')}")

    def _launch(self, faces: int) -> None:
        """Put the way from bytes to logits on the stream, and find out what it means if that fails."""
        try:
            self._enqueue(faces)
        except EngineLost:
            raise
        except EngineError:
            self._device.synchronize()  # raises EngineLost where the GPU itself is gone
            raise

    def _enqueue(self, faces: int) -> None:
        """Put the way from bytes to logits on the stream; may be captured, so it waits for nothing."""
        self._device.upload(self._faces_there, self._faces[:faces])
        self._crop.run(self._pixels, faces)
        self._ears.errors.clear()
        try:
            went = self._context.execute_async_v3(self._device.stream)
        except Exception as error:  # pybind11's
            raise EngineError(f"TensorRT failed: {said(self._ears, one_line(error))}") from error
        if not went:
            raise EngineError(f"TensorRT failed: {said(self._ears, 'it does not say why')}")
        for here, there in self._outputs.values():
            self._device.download(here[:faces], there)
