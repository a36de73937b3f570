"""The model on the CPU by ONNX Runtime: the engine that is always there."""

from __future__ import annotations

from engines.onnxruntime.engine import OnnxRuntimeEngine

__all__ = ["OnnxRuntimeEngine"]
