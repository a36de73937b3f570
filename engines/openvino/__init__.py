"""The model on the CPU by OpenVINO."""

from __future__ import annotations

from engines.openvino.engine import OpenVinoEngine

__all__ = ["OpenVinoEngine"]
