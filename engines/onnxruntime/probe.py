"""Whether ONNX Runtime can run here."""

from __future__ import annotations

from importlib.util import find_spec

from engines.onnxruntime.library import load_library
from stream_guard.inference.engine import Probe

__all__ = ["probe"]


def probe() -> Probe:
    """Say whether ONNX Runtime is installed and loads. Never raises."""
    try:
        if find_spec("onnxruntime") is None:
            return Probe(False, "onnxruntime is not installed: pip install onnxruntime")
        library = load_library()
        if "CPUExecutionProvider" not in library.get_available_providers():
            return Probe(False, f"onnxruntime {library.__version__} was built without its CPU provider")
    except Exception as error:  # a library that is broken in any way must not take the others down
        return Probe(False, f"onnxruntime is installed but does not load: {error}")
    return Probe(True, f"onnxruntime {library.__version__} on the CPU", device="cpu", preference=10)
