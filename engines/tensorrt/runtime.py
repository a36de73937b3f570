"""From a plan to something that runs: TensorRT's runtime, engine and context, and its refusals in words."""

from __future__ import annotations

import logging
from typing import Any

from engines.tensorrt.build import BATCHES
from engines.tensorrt.graph import PIXELS
from engines.tensorrt.library import Library, said
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["PlanRefused", "open_context", "open_engine"]

_log = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("out of memory", "outofmemory", "memoryallocation", "memory allocation", "alloc_failed")


class PlanRefused(EngineError):
    """The plan is damaged, or was built for something else: building it anew helps."""


def open_engine(library: Library, ears: Any, plan: bytes, *, size: int) -> tuple[Any, Any]:
    """Read a plan onto the current GPU and return TensorRT's runtime and engine.

    Args:
        library: from `engines.tensorrt.library.load_library`.
        ears: from `engines.tensorrt.library.listener`; must live as long as the two.
        plan: its content.
        size: side of the input in pixels.

    Raises:
        PlanRefused: it is damaged, or not for this GPU, library or model.
        EngineUnavailable: the driver is too old for the library.
        EngineError: the GPU is out of memory, or fails.
    """
    trt = library.module
    try:
        runtime = trt.Runtime(ears)
        _check_validity(library, runtime, plan)
        engine = runtime.deserialize_cuda_engine(plan)
    except EngineError:
        raise
    except Exception as error:  # pybind11's
        raise PlanRefused(f"{library.title} cannot read the plan: {said(ears, one_line(error))}") from error
    if engine is None:
        _refuse_memory(library, ears)
        raise PlanRefused(f"{library.title} cannot read the plan: {said(ears, 'it does not say why')}")
    _check_tensors(library, engine, size)
    return runtime, engine


def open_context(library: Library, ears: Any, engine: Any, compiled: bytes) -> tuple[Any, Any]:
    """Return what an engine runs in, and TensorRT-RTX's cache of compiled kernels, None for TensorRT.

    The context has no memory yet: it is to be given ``engine.device_memory_size_v2`` bytes.

    TensorRT-RTX compiles kernels for a shape when it first sees it. By default it does so in the background and
    runs slower ones meanwhile, which a CUDA graph would keep for ever; here it waits.

    Args:
        library: from `engines.tensorrt.library.load_library`.
        ears: the engine's.
        engine: from `open_engine`.
        compiled: that cache's content from earlier; one that does not fit here is left aside.

    Raises:
        EngineError: the GPU is out of memory, or fails.
    """
    trt, cache = library.module, None
    try:
        if library.portable:
            config = engine.create_runtime_config()
            strategies = trt.DynamicShapesKernelSpecializationStrategy
            config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
            cache = config.create_runtime_cache()
            if compiled and not cache.deserialize(compiled):
                _log.info("the compiled kernels that were kept do not fit here: compiling anew")
            config.set_runtime_cache(cache)
            config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
            context = engine.create_execution_context(config)
        else:
            context = engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    except Exception as error:  # pybind11's
        raise EngineError(f"{library.title} cannot prepare the plan: {said(ears, one_line(error))}") from error
    if context is None:
        _refuse_memory(library, ears)
        raise EngineError(f"{library.title} cannot prepare the plan: {said(ears, 'it does not say why')}")
    return context, cache


def _check_validity(library: Library, runtime: Any, plan: bytes) -> None:
    """Ask TensorRT-RTX, from the plan's first bytes, whether it can run here at all."""
    if not hasattr(runtime, "get_engine_validity"):
        return
    trt = library.module
    validity, bits = runtime.get_engine_validity(plan[: runtime.engine_header_size])
    if validity != trt.EngineValidity.INVALID:
        return
    causes = {name for name, bit in trt.EngineInvalidityDiagnostics.__members__.items() if int(bits) & int(bit)}
    if causes & {"OLD_CUDA_DRIVER", "OLD_CUDA_RUNTIME"}:
        raise EngineUnavailable(f"the NVIDIA driver is too old for {library.title}: update it")
    if "INSUFFICIENT_GPU_MEMORY" in causes:
        raise EngineError(f"the GPU has too little free memory for {library.title}")
    if "CUDA_ERROR" in causes:
        raise EngineError(f"{library.title} cannot ask the GPU")
    words = ", ".join(sorted(cause.lower().replace("_", " ") for cause in causes)) or "no reason given"
    raise PlanRefused(f"the plan is not for this GPU or {library.title} ({words})")


def _check_tensors(library: Library, engine: Any, size: int) -> None:
    """Refuse the plan of another network, and one for other batches."""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    found = {name: tuple(engine.get_tensor_shape(name)) for name in names}
    floats = all(engine.get_tensor_dtype(name) == library.module.float32 for name in names)
    if found.get(PIXELS) != (-1, 3, size, size) or found.get("logits") != (-1,) or not floats:
        raise PlanRefused(f"the plan is of another network: {found}")
    least, _, largest = (next(iter(shape)) for shape in engine.get_tensor_profile_shape(PIXELS, 0))
    if (least, largest) != (BATCHES[0], BATCHES[2]):
        raise PlanRefused(f"the plan is for batches of {least} to {largest}")


def _refuse_memory(library: Library, ears: Any) -> None:
    told = " ".join(ears.errors).lower()
    if any(words in told for words in _OUT_OF_MEMORY):
        raise EngineError(f"the GPU is out of memory: {library.title} cannot load the model")
