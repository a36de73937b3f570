"""The one place that imports openvino."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["load_library"]

_TELEMETRY = "openvino_telemetry"


def load_library() -> Any:
    """Import openvino without its telemetry, and return it.

    ``import openvino`` sends an event to its makers unless the user has found out how to refuse
    (``openvino.tools.ovc`` calls ``send_event("ov", "import", ...)``). "Nothing leaves this machine" is our
    promise, so the telemetry package is hidden while openvino is imported; it then takes the stub it brings.

    Raises:
        ImportError: it is not installed, or its libraries do not load.
    """
    hide = "openvino" not in sys.modules and _TELEMETRY not in sys.modules
    if hide:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import openvino
    finally:
        if hide:
            sys.modules.pop(_TELEMETRY, None)
    return openvino
