"""stream-guard: a deepfake detector for live video calls."""

from __future__ import annotations

__version__ = "0.1.0"
