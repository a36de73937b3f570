"""The model by PyTorch: on CUDA in half precision with CUDA graphs, on the CPU as a reference."""

from __future__ import annotations

from engines.torch.engine import TorchEngine

__all__ = ["TorchEngine"]
