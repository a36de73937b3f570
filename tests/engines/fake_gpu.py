"""A GPU and a TensorRT made of NumPy and ONNX Runtime: what lies between them and the caller runs as it is.

Memory has real addresses, the stream runs at once, a captured graph is a list of what was put on the stream, the
crop kernel reads the very struct that the real one gets, and a plan is the ONNX network itself. Faults have names.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.cuda.device import Memory
from engines.cuda.picture import CUT
from engines.onnxruntime.library import load_library as load_onnxruntime
from engines.tensorrt.graph import PIXELS
from stream_guard.errors import EngineError, EngineLost

__all__ = ["FakeGpu", "fake_tensorrt"]

PLAN = b"plan of "
Work = Callable[[], None]


def _bytes_at(address: int, size: int) -> NDArray[np.uint8]:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))


class FakeGpu:
    """Stands in for `engines.cuda.device.Device`.

    Attributes:
        faults: ``lost`` (the context is gone), ``memory`` (no more of it), ``capture``.
        allocations: pieces of memory handed out so far.
        launches: captured graphs launched so far.
    """

    name, capability = "NVIDIA RTX 4090", (8, 9)

    def __init__(self, faults: set[str], crop: Callable[..., object] | None = None) -> None:
        """Plug it in.

        Args:
            faults: looked at all the time.
            crop: the function of ``crop_host.c``; without it faces can only be cut out whole.
        """
        self.faults = faults
        self._crop = crop
        self.ordinal, self.stream = 0, 7
        self.allocations = self.launches = 0
        self.closed = False
        self._kept: list[NDArray[Any]] = []
        self._noted: list[Work] | None = None

    def memory(self, size: int) -> Memory:
        if "memory" in self.faults:
            raise EngineError(f"allocating {size / 2**20:.1f} MiB on the GPU: out of memory")
        buffer = self.staging((size,), np.uint8)
        return Memory(buffer.ctypes.data, size)

    def staging(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self.allocations += 1
        self._kept.append(np.full(shape, 170, dtype))
        return self._kept[-1]

    def upload(self, target: Memory, source: NDArray[Any]) -> None:
        assert source.nbytes <= target.size
        self.put(lambda: np.copyto(_bytes_at(target.address, source.nbytes), source.reshape(-1).view(np.uint8)))

    def download(self, target: NDArray[Any], source: Memory) -> None:
        assert target.nbytes <= source.size
        self.put(lambda: np.copyto(target.reshape(-1).view(np.uint8), _bytes_at(source.address, target.nbytes)))

    @property
    def capturing(self) -> bool:
        return self._noted is not None

    def synchronize(self) -> None:
        assert not self.capturing, "waiting is not possible while a graph is captured"
        if "lost" in self.faults:
            raise EngineLost("the GPU is lost while waiting for the GPU: unspecified launch failure")

    def kernel(self, image: bytes, name: str, arguments: str) -> Any:
        assert name == "crop"
        work = _crop if self._crop is None else self._as_built
        return SimpleNamespace(launch=lambda *given: self.put(lambda: work(*given)))

    def capture(self, work: Work) -> Any:
        if "capture" in self.faults:
            raise EngineError("capturing a CUDA graph: operation not permitted when stream is capturing")
        noted: list[Work] = []
        self._noted = noted
        try:
            work()
        finally:
            self._noted = None

        def launch() -> None:
            self.launches += 1
            for step in noted:
                step()

        return SimpleNamespace(launch=launch)

    def put(self, step: Work) -> None:
        """Run something, or note it down while a graph is captured."""
        if self._noted is not None:
            self._noted.append(step)
        else:
            step()

    def close(self) -> None:
        self.closed = True

    def _as_built(
        self, grid: tuple[int, ...], block: object, cuts: int, batch: int, size: int, kind: int, normal: bytes
    ) -> None:
        """Let the real kernel's lines do it, built for the host."""
        assert self._crop is not None
        pointers = ctypes.c_void_p(cuts), ctypes.c_void_p(batch)
        self._crop(*pointers, size, kind, grid[2], size, ctypes.c_char_p(normal))


def _crop(
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    cuts: int,
    batch: int,
    size: int,
    kind: int,
    normal: bytes,
) -> None:
    """Do what crop.cu does for faces that are cut out whole."""
    faces, scale = grid[2], np.frombuffer(normal, "<f4")
    assert kind == 1
    described = _bytes_at(cuts, faces * CUT.itemsize).view(CUT)
    out = _bytes_at(batch, faces * 3 * size * size * 4).view(np.float32).reshape(faces, 3, size, size)
    for face, cut in enumerate(described):
        assert (cut["width"], cut["height"], cut["layout"], cut["times"]) == (size, size, 0, 1)
        np.testing.assert_array_equal(cut["matrix"], [1, 0, 0, 0, 1, 0])
        picture = _bytes_at(int(cut["planes"][0]), size * int(cut["pitches"][0])).reshape(size, size, 3)
        out[face] = picture.transpose(2, 0, 1) * scale[:3, None, None] + scale[3:, None, None]


class Capability(IntEnum):
    SM75 = 1
    SM89 = 8


class Validity(IntEnum):
    VALID = 0
    INVALID = 2


class Diagnostics(IntEnum):
    VERSION_MISMATCH = 1
    UNSUPPORTED_CC = 2
    OLD_CUDA_DRIVER = 4
    INSUFFICIENT_GPU_MEMORY = 16
    MALFORMED_ENGINE = 32


def fake_tensorrt(faults: dict[str, Any], gpu: Callable[[], FakeGpu], *, rtx: bool = True) -> Any:
    """Return a module that looks like ``tensorrt_rtx``, or ``tensorrt``.

    Args:
        faults: looked at all the time. ``parse``, ``build``, ``deserialize``, ``context``, ``execute``: a message
            that TensorRT logs before it refuses. ``validity``: diagnostics bits. ``raise``: an error of
            ``execute_async_v3``. ``wrong``: added to every logit. ``capturable``: False.
        gpu: the device of the day.
        rtx: which of the two.
    """

    class Builder:
        def __init__(self, ears: Any) -> None:
            self.ears = ears

        def create_network(self, flags: int) -> Any:
            return SimpleNamespace(content=b"")

        def create_builder_config(self) -> Any:
            config = SimpleNamespace(flags=set(), profile=None, capabilities=[])
            config.clear_flag = config.flags.discard
            config.set_flag = config.flags.add
            config.add_optimization_profile = lambda profile: setattr(config, "profile", profile)
            config.set_compute_capability = lambda capability, index: config.capabilities.append(capability)
            config.create_timing_cache = lambda content: SimpleNamespace(serialize=lambda: content + b"+")
            config.set_timing_cache = lambda cache, ignore_mismatch: setattr(config, "timings", cache)
            config.get_timing_cache = lambda: config.timings
            return config

        def create_optimization_profile(self) -> Any:
            shapes: dict[str, Any] = {}
            return SimpleNamespace(shapes=shapes, set_shape=lambda name, *three: shapes.update({name: three}))

        def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
            config.progress_monitor.phase_start("Building", None, 2)
            if not config.progress_monitor.step_complete("Building", 0):
                return None
            if refuse("build", self.ears):
                return None
            assert config.profile.shapes[PIXELS][0][0] == 1
            faults["built"] = faults.get("built", 0) + 1
            return PLAN + bytes(network.content)

    class OnnxParser:
        def __init__(self, network: Any, ears: Any) -> None:
            self.network, self.ears = network, ears

        def parse(self, content: bytes) -> bool:
            self.network.content = content
            return not refuse("parse", self.ears)

    class Runtime:
        engine_header_size = 64

        def __init__(self, ears: Any) -> None:
            self.ears = ears

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            if refuse("deserialize", self.ears) or not plan.startswith(PLAN):
                return None
            return Engine(plan[len(PLAN) :], self.ears)

        if rtx:

            def get_engine_validity(self, header: bytes) -> tuple[Validity, int]:
                bits = int(faults.get("validity", 0))
                return (Validity.INVALID if bits else Validity.VALID), bits

    class Engine:
        device_memory_size_v2 = 4096

        def __init__(self, content: bytes, ears: Any) -> None:
            library, self.ears = load_onnxruntime(), ears
            options = library.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = library.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.ports = [*self.session.get_inputs(), *self.session.get_outputs()]
            self.num_io_tensors = len(self.ports)

        def get_tensor_name(self, index: int) -> str:
            return str(self.ports[index].name)

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            port = next(port for port in self.ports if port.name == name)
            return tuple(size if isinstance(size, int) else -1 for size in port.shape)

        def get_tensor_dtype(self, name: str) -> str:
            return "float32"

        def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
            rest = self.get_tensor_shape(name)[1:]
            return [(faces, *rest) for faces in (1, 4, 32)]

        def create_runtime_config(self) -> Any:
            cache = SimpleNamespace(serialize=lambda: b"kernels", deserialize=lambda content: content == b"kernels")
            config = SimpleNamespace(create_runtime_cache=lambda: cache, set_runtime_cache=lambda cache: True)
            config.set_execution_context_allocation_strategy = lambda strategy: setattr(config, "memory", strategy)
            return config

        def create_execution_context(self, given: Any) -> Any:
            assert (given.memory if rtx else given) == "ours"
            return None if refuse("context", self.ears) else Context(self)

    class Context:
        def __init__(self, engine: Engine) -> None:
            self.engine, self.addresses, self.faces = engine, dict[str, int](), 0
            self.scratch: NDArray[np.uint8] | None = None
            self.gpu = gpu()  # others may be opened while it lives

        def set_device_memory(self, address: int, size: int) -> None:
            assert size >= self.engine.device_memory_size_v2
            self.scratch = _bytes_at(address, size)

        def set_tensor_address(self, name: str, address: int) -> bool:
            self.addresses[name] = address
            return True

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            self.faces = shape[0]
            return True

        if rtx:

            def is_stream_capturable(self, stream: int) -> bool:
                return bool(faults.get("capturable", True))

        def execute_async_v3(self, stream: int) -> bool:
            assert stream == self.gpu.stream
            if "raise" in faults:
                raise RuntimeError(faults["raise"])
            if refuse("execute", self.engine.ears):
                return False
            if self.gpu.capturing and refuse("execute in capture", self.engine.ears):
                return False
            faces = self.faces  # as it is when the work is put on the stream, not when it runs
            self.gpu.put(lambda: self._run(faces))
            return True

        def _run(self, faces: int) -> None:
            assert self.scratch is not None
            self.scratch[:] = faces  # whoever else looks at this memory is found out
            shape = (faces, *self.engine.get_tensor_shape(PIXELS)[1:])
            size = int(np.prod(shape)) * 4
            pixels = _bytes_at(self.addresses[PIXELS], size).view(np.float32).reshape(shape)
            names = [name for name in self.addresses if name != PIXELS]
            for name, answer in zip(names, self.engine.session.run(names, {PIXELS: pixels}), strict=True):
                if name == "logits":
                    answer = answer + np.float32(faults.get("wrong", 0))
                np.copyto(_bytes_at(self.addresses[name], answer.nbytes), answer.reshape(-1).view(np.uint8))

    def refuse(what: str, ears: Any) -> bool:
        if what not in faults:
            return False
        ears.log(1, faults[what])
        return True

    base = type("Base", (), {})
    flags = SimpleNamespace(TF32="tf32", **({"REQUIRE_USER_ALLOCATION": "user"} if rtx else {}))
    return SimpleNamespace(
        __version__="1.7.1.116" if rtx else "10.9.0.34",
        ILogger=type("ILogger", (), {}),
        IProgressMonitor=base,
        Builder=Builder,
        OnnxParser=OnnxParser,
        Runtime=Runtime,
        BuilderFlag=flags,
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
        ProfilingVerbosity=SimpleNamespace(DETAILED=1),
        ComputeCapability=Capability,
        EngineValidity=Validity,
        EngineInvalidityDiagnostics=Diagnostics,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="ours"),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER=1),
        float32="float32",
    )
