"""Whether PyTorch can run here, and on what. PyTorch itself is imported only where there is a GPU to ask for."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from engines.cuda.driver import visible_gpus
from stream_guard.inference.engine import Probe
from stream_guard.inference.shapes import one_line

__all__ = ["probe"]

_INSTALL = "pip install 'stream-guard[torch]'"
_MIN_CAPABILITY = (7, 0)
"""Volta: below it float16 is no faster than float32."""


def probe() -> Probe:
    """Say whether PyTorch is installed, and whether it sees a GPU. Never raises.

    Importing PyTorch takes seconds, and every start of the program asks: where the driver shows no GPU it is not
    imported.
    """
    try:
        for package in ("torch", "onnx"):
            if find_spec(package) is None:
                return Probe(False, f"{package} is not installed: {_INSTALL}")
        name = f"torch {version('torch')}"
        reason = _why_not_cuda()
    except PackageNotFoundError as error:
        return Probe(False, f"torch is installed without its metadata: {one_line(error)}")
    except Exception as error:  # a library that is broken in any way must not take the others down
        return Probe(False, f"torch is installed but does not load: {one_line(error)}")
    if reason:
        return Probe(True, f"{name} on the CPU, as a reference ({reason})", device="cpu", preference=1)
    import torch

    return Probe(True, f"{name} on {torch.cuda.get_device_name(0)}", device="cuda:0", preference=30)


def _why_not_cuda() -> str:
    """Return why PyTorch cannot use a GPU; empty where it can."""
    if visible_gpus() < 1:
        return "the driver shows no NVIDIA GPU"
    import torch

    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    if not torch.cuda.is_available():
        return f"CUDA {torch.version.cuda} does not start: is the NVIDIA driver too old?"
    capability = torch.cuda.get_device_capability(0)
    if capability < _MIN_CAPABILITY:
        return f"the GPU's compute capability is {capability[0]}.{capability[1]}, 7.0 is needed"
    return ""
