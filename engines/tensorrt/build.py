"""From a network to a plan: TensorRT's compiler, with its progress, and its words where it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engines.tensorrt.graph import PIXELS
from engines.tensorrt.inspection import Inspection, inspection
from engines.tensorrt.library import Library, listener, said
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["BATCHES", "Built", "Progress", "build", "known_targets"]

BATCHES = (1, 4, 32)
"""Least, best and largest batch of a plan."""

Progress = Callable[[str], None]
"""Is told the compiler's name of what it does now; called from threads of its own."""


@dataclass(frozen=True, slots=True)
class Built:
    """A plan.

    Attributes:
        plan: what the runtime reads.
        inspection: what is in it; None where this TensorRT does not tell.
        timings: the timing cache with what was measured for this plan added; empty for TensorRT-RTX.
    """

    plan: bytes
    inspection: Inspection | None
    timings: bytes


def known_targets(library: Library) -> tuple[str, ...]:
    """Return the GPUs that can be built for without being here, such as ``sm89``; none but for TensorRT-RTX."""
    if not library.portable:
        return ()
    members = library.module.ComputeCapability.__members__
    return tuple(
        sorted((name.lower() for name in members if name.startswith("SM")), key=lambda name: int(name[2:]))
    )


def build(
    library: Library,
    network: bytes,
    *,
    target: str,
    size: int,
    timings: bytes = b"",
    progress: Progress = lambda phase: None,
) -> Built:
    """Compile a network. Takes seconds with TensorRT-RTX, up to minutes with TensorRT, which measures on the GPU.

    TensorFloat-32 is off: the residual's blur would lose the digits that the graph keeps for it.

    Args:
        library: from `engines.tensorrt.library.load_library`.
        network: ONNX, from `engines.tensorrt.network.network`.
        target: ``sm89`` and the like. TensorRT builds for the GPU at hand only.
        size: side of the input in pixels.
        timings: an earlier timing cache; what does not fit here is ignored.
        progress: is told what goes on.

    Raises:
        EngineUnavailable: this TensorRT cannot build for the target.
        EngineError: it refuses the network, or fails.
    """
    trt, ears = library.module, listener(library, keep_notes=True)
    monitor = None
    try:
        builder = trt.Builder(ears)
        typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        definition = builder.create_network(0 if typed is None else 1 << int(typed))
        parser = trt.OnnxParser(definition, ears)
        if not parser.parse(network):
            raise EngineError(f"{library.title} cannot read the network: {said(ears, 'it does not say why')}")
        config = builder.create_builder_config()
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        config.clear_flag(trt.BuilderFlag.TF32)
        if hasattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION"):
            config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)  # or it cannot be captured in a CUDA graph
        profile = builder.create_optimization_profile()
        profile.set_shape(PIXELS, *((faces, 3, size, size) for faces in BATCHES))
        config.add_optimization_profile(profile)
        if library.portable:
            _aim(library, config, target)  # and no timing cache: with one, TensorRT-RTX asks for a GPU
        else:
            config.set_timing_cache(config.create_timing_cache(timings), ignore_mismatch=True)
        config.progress_monitor = monitor = _monitor(trt, progress)
        plan = builder.build_serialized_network(definition, config)
    except EngineError:
        raise
    except Exception as error:  # the bindings raise what pybind11 has
        raise EngineError(f"{library.title} failed to build: {said(ears, one_line(error))}") from error
    if monitor.stopped is not None:
        raise monitor.stopped
    if plan is None:
        raise EngineError(f"{library.title} cannot build for {target}: {said(ears, 'it does not say why')}")
    timings = b"" if library.portable else bytes(config.get_timing_cache().serialize())
    return Built(bytes(plan), inspection(ears.notes), timings)


def _aim(library: Library, config: Any, target: str) -> None:
    """Name the GPU to build for."""
    known = known_targets(library)
    if target not in known:
        raise EngineUnavailable(f"{library.title} cannot build for {target}; it knows {', '.join(known)}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(library.module.ComputeCapability, target.upper()), 0)


def _monitor(trt: Any, progress: Progress) -> Any:
    """Return a progress monitor. It is called from C++: an exception that left it would end the process."""
    base: Any = trt.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]  # a class that is known only once the library is loaded
        def __init__(self) -> None:
            base.__init__(self)
            self.stopped: BaseException | None = None

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            try:
                progress(phase_name)
            except BaseException as error:
                self.stopped = error

        def phase_finish(self, phase_name: str) -> None:
            pass

        def step_complete(self, phase_name: str, step: int) -> bool:
            return self.stopped is None

    return Monitor()
