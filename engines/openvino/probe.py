"""Whether OpenVINO can run here."""

from __future__ import annotations

from importlib.util import find_spec

from engines.openvino.library import load_library
from stream_guard.inference.engine import Probe

__all__ = ["probe"]


def probe() -> Probe:
    """Say whether OpenVINO is installed, loads, and has its CPU plugin. Never raises."""
    try:
        if find_spec("openvino") is None:
            return Probe(False, "openvino is not installed: pip install 'stream-guard[openvino]'")
        library = load_library()
        core = library.Core()
        if "CPU" not in core.available_devices:
            return Probe(False, f"openvino {_version(library)} has no CPU plugin here")
        processor = core.get_property("CPU", "FULL_DEVICE_NAME")
    except Exception as error:  # a library that is broken in any way must not take the others down
        return Probe(False, f"openvino is installed but does not load: {error}")
    return Probe(True, f"openvino {_version(library)} on {processor}", device="cpu", preference=20)


def _version(library: object) -> str:
    """Return ``2026.4.1`` of ``2026.4.1-22982-abcdef-releases/2026/4``."""
    return str(getattr(library, "__version__", "")).split("-")[0]
