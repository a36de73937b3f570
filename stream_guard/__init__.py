"""stream-guard: a deepfake detector for live video calls.

The doors for other programs: `Guard` runs the whole pipeline inside yours; `client` follows a running server.
Both are loaded when first used, so importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_guard import client
    from stream_guard.errors import StreamGuardError
    from stream_guard.frame import Frame
    from stream_guard.guard import Guard, GuardUpdate

__all__ = ["Frame", "Guard", "GuardUpdate", "StreamGuardError", "__version__", "client"]

__version__ = "0.1.0"

_HOMES = {
    "Frame": "stream_guard.frame",
    "Guard": "stream_guard.guard",
    "GuardUpdate": "stream_guard.guard",
    "StreamGuardError": "stream_guard.errors",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    from importlib import import_module

    if name == "client":
        return import_module("stream_guard.client")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
