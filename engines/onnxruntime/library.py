"""The one place that imports onnxruntime."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["load_library"]

_ERRORS_ONLY = 3


def load_library() -> Any:
    """Import onnxruntime, silent but for errors, and return it.

    From 1.29 on it reports its use to its makers. "Nothing leaves this machine" is our promise: the variable turns
    that off where it is set before the first import, the call what Windows builds hand to the system.

    Raises:
        ImportError: it is not installed, or its libraries do not load.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
    onnxruntime.disable_telemetry_events()
    return onnxruntime
