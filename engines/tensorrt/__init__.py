"""The model on NVIDIA GPUs by TensorRT, or by TensorRT for RTX."""

from __future__ import annotations

from engines.tensorrt.engine import TensorRTEngine

__all__ = ["TensorRTEngine"]
