"""The one place that imports onnxruntime."""

from __future__ import annotations

from typing import Any

__all__ = ["load_library"]

_ERRORS_ONLY = 3


def load_library() -> Any:
    """Import onnxruntime, silent but for errors, and return it.

    Its Windows builds hand usage events to the system; "nothing leaves this machine" includes those.

    Raises:
        ImportError: it is not installed, or its libraries do not load.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
    onnxruntime.disable_telemetry_events()
    return onnxruntime
