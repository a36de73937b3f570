"""Whether TensorRT can run here."""

from __future__ import annotations

from engines.cuda.driver import visible_gpus
from engines.cuda.library import MIN_CAPABILITY, count_devices
from engines.cuda.library import load_library as load_cuda
from engines.tensorrt.build import known_targets
from engines.tensorrt.library import Library, load_library
from stream_guard.errors import EngineUnavailable
from stream_guard.inference.engine import Probe
from stream_guard.inference.shapes import one_line

__all__ = ["capability_name", "check_gpu", "present_gpu", "probe", "require_gpu"]

_PREFERENCE = 40


def probe() -> Probe:
    """Say whether a GPU with a driver is here, and TensorRT is installed, loads and takes it. Never raises.

    The driver is asked first: that takes milliseconds, loading TensorRT longer, and most machines have no GPU.
    """
    try:
        require_gpu()
        library = load_library()
        name, _ = present_gpu(library)
    except EngineUnavailable as error:
        return Probe(False, str(error))
    except Exception as error:  # whatever a broken driver does must not take the other engines down
        return Probe(False, f"TensorRT is installed but the GPU cannot be asked: {one_line(error)}")
    return Probe(True, f"{library.title} on {name}", device="cuda:0", preference=_PREFERENCE)


def require_gpu() -> None:
    """Refuse a machine without an NVIDIA GPU.

    Raises:
        EngineUnavailable: its driver shows none, or there is no driver.
    """
    if visible_gpus() < 1:
        raise EngineUnavailable("there is no NVIDIA GPU here, or no driver for it")


def present_gpu(library: Library) -> tuple[str, str]:
    """Return the first GPU's name and its capability, such as ``sm89``.

    Raises:
        EngineUnavailable: there is none, or none that this TensorRT takes.
    """
    cuda = load_cuda()
    count_devices(cuda)
    gpu = cuda.Device(0)
    name, capability = str(gpu.name()), tuple(gpu.compute_capability())
    check_gpu(library, name, capability, int(cuda.get_driver_version()))
    return name, capability_name(capability)


def capability_name(capability: tuple[int, ...]) -> str:
    """Return ``sm89`` for (8, 9)."""
    return f"sm{capability[0]}{capability[1]}"


def check_gpu(library: Library, name: str, capability: tuple[int, ...], spoken: int) -> None:
    """Refuse a GPU or a driver that this TensorRT does not take.

    Args:
        library: from `engines.tensorrt.library.load_library`.
        name: of the GPU.
        capability: compute capability, for instance (8, 9).
        spoken: the CUDA version that the driver speaks, as it writes it: 13000 is 13.0.

    Raises:
        EngineUnavailable: it does not.
    """
    if capability < MIN_CAPABILITY:
        raise EngineUnavailable(f"{name} is too old for TensorRT: compute capability 7.5 is needed")
    if library.portable and capability_name(capability) not in known_targets(library):
        raise EngineUnavailable(
            f"{library.title} does not know {name} ({capability_name(capability)}): install tensorrt in its place"
        )
    if spoken // 1000 < library.cuda_major:
        raise EngineUnavailable(
            f"the NVIDIA driver is too old: it speaks CUDA {spoken // 1000}.{spoken % 1000 // 10}, "
            f"{library.title} needs {library.cuda_major}.0; update it, or install the package for CUDA 12"
        )
