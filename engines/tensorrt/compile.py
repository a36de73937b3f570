"""The plan for a model and a GPU: from the cache where it fits, built where not."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path

from engines.tensorrt.build import Progress, build, known_targets
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.network import Computed, computed, network
from engines.tensorrt.plan import PlanKey, PlanStore, StoredPlan
from engines.tensorrt.probe import present_gpu, require_gpu
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Compiled, Precision
from stream_guard.models.manifest import Manifest
from stream_guard.models.store import cache_dir

__all__ = ["build_ahead", "compiled", "key_for", "plan_for", "plan_store"]

_log = logging.getLogger(__name__)


def plan_store(folder: Path | None = None) -> PlanStore:
    """Return where plans are kept: a folder, or one in the user's cache (``$STREAM_GUARD_CACHE``).

    Raises:
        ModelError: there is no home folder to keep a cache in.
    """
    return PlanStore(cache_dir() / "tensorrt" if folder is None else folder)


def key_for(library: Library, model: Path, precision: Computed, *, capability: str, gpu: str) -> PlanKey:
    """Return what a plan must have been built from, with and for.

    Args:
        library: TensorRT as it is installed.
        model: the exported ONNX file.
        precision: computed in.
        capability: of the GPU, such as ``sm89``.
        gpu: its name. TensorRT-RTX makes no difference between GPUs of one capability.

    Raises:
        EngineError: the file cannot be read.
    """
    return PlanKey(
        model_sha256=_digest(model),
        precision=precision,
        flavour=library.flavour,
        version=library.version,
        capability=capability,
        gpu="" if library.portable else gpu,
    )


def build_ahead(
    model: Path,
    manifest: Manifest,
    *,
    target: str,
    precision: Precision,
    folder: Path | None,
    progress: Progress,
) -> Compiled:
    """Build a plan and keep it, for the GPU that is here or any that TensorRT-RTX knows; see `Engine.build`."""
    if target == "current":
        require_gpu()
        library = load_library()
        gpu, capability = present_gpu(library)
    else:
        library = load_library(["tensorrt_rtx"])  # the other one measures on the GPU it builds for
        gpu, capability = "", target.lower()
        if capability not in known_targets(library):
            known = ", ".join(known_targets(library))
            raise EngineUnavailable(f"{library.title} cannot build for {target}; it knows {known}")
    key = key_for(library, model, computed(precision, manifest, capability), capability=capability, gpu=gpu)
    store = plan_store(folder)
    made = compiled(library, key, model, manifest, store, progress=progress).sidecar
    if made is None:
        raise EngineError(f"the plan cannot be kept in {store.folder}")
    told = f"{key.precision} for {gpu or capability}, {library.title}, {made.bytes / 1e6:.1f} MB"
    if made.contents:
        types = ", ".join(f"{count} in {kind.lower()}" for kind, count in sorted(made.contents["types"].items()))
        told += f": {made.contents['layers']} layers ({types})"
    return Compiled(store.folder / made.plan, told)


def plan_for(library: Library, key: PlanKey, model: Path, manifest: Manifest, store: PlanStore) -> StoredPlan:
    """Return the plan that is kept for a key; it is built, with a line in the log, where there is none that fits.

    Raises:
        EngineError: it cannot be built.
    """
    found = store.find(key)
    if found.plan is not None:
        return found
    why = f"the plan in {store.folder} {found.reason}" if found.reason else "it was not built before"
    return compiled(library, key, model, manifest, store, why=why)


def compiled(
    library: Library,
    key: PlanKey,
    model: Path,
    manifest: Manifest,
    store: PlanStore,
    *,
    why: str = "",
    progress: Progress = lambda phase: None,
) -> StoredPlan:
    """Build a plan and keep it, whatever is there already. Where it cannot be kept it is used all the same.

    Args:
        library: TensorRT as it is installed.
        key: what the plan is for.
        model: the exported ONNX file.
        manifest: the file's.
        store: where to keep it.
        why: for the log.
        progress: is told what goes on.

    Raises:
        EngineError: it cannot be built.
    """
    _log.info(
        "building %s in %s for %s with %s%s",
        model.name,
        key.precision,
        key.gpu or key.capability,
        library.title,
        f": {why}" if why else "",
    )
    began = time.monotonic()
    timings = f"timings-{key.flavour}-{key.version}-{key.capability}.bin"
    built = build(
        library,
        network(model, manifest, key.precision),
        target=key.capability,
        size=manifest.size,
        timings=store.read(timings),
        progress=progress,
    )
    _log.info("built %.1f MB in %.1f s", len(built.plan) / 1e6, time.monotonic() - began)
    try:
        if built.timings:
            store.write(timings, built.timings)
        sidecar = store.put(key, built.plan, built.inspection.summary() if built.inspection else None)
    except EngineError as error:
        _log.warning("%s; it will be built again next time", error)
        return StoredPlan(built.plan)
    return StoredPlan(built.plan, "", sidecar)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as reader:
            return hashlib.file_digest(reader, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"cannot read {path.name}: {error.strerror or error}") from error
