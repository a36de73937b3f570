"""The model on NVIDIA GPUs by TensorRT, or TensorRT for RTX."""
