"""MTCNN as facenet-pytorch ships it (MIT licence, weights included), the face detector of most published pipelines.

The package asks for old versions of torch and torchvision, so it is installed without them, in a folder of its own.
What it needs of torchvision, suppressing overlapping boxes, stands here.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stream_guard.errors import ConfigError

__all__ = ["install", "load_mtcnn", "suppressed"]

_PACKAGE = "facenet-pytorch==2.6.0"


def install(folder: Path) -> Path:
    """Install the package there unless it is there already; returns the folder.

    Raises:
        ConfigError: pip cannot.
    """
    if not (folder / "facenet_pytorch").is_dir():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        done = subprocess.run(
            [*pip, "--no-deps", "--target", str(folder), _PACKAGE], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ConfigError(f"pip could not install {_PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def load_mtcnn(folder: Path) -> Any:
    """Return an MTCNN that finds all faces: ``detect(rgb)`` gives boxes and probabilities.

    Raises:
        ConfigError: facenet-pytorch is not there.
    """
    package = folder / "facenet_pytorch"
    if not package.is_dir():
        raise ConfigError(f"facenet-pytorch is not in {folder}: pip install --no-deps --target DIR facenet-pytorch")
    _stand_in("torchvision")
    _stand_in("torchvision.transforms", functional=None)
    _stand_in("torchvision.ops")
    _stand_in("torchvision.ops.boxes", batched_nms=suppressed)
    # Not by its own __init__, which wants downloaders and a recognition network.
    _stand_in("facenet_pytorch").__path__ = [str(package)]
    _stand_in("facenet_pytorch.models").__path__ = [str(package / "models")]
    _stand_in("facenet_pytorch.models.utils").__path__ = [str(package / "models" / "utils")]
    module = importlib.import_module("facenet_pytorch.models.mtcnn")
    return module.MTCNN(keep_all=True, device="cpu")


def suppressed(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """Return the indices of boxes that none of their group overlaps by more and with a higher score, best first.

    Args:
        boxes: shape (n, 4): left, top, right, bottom.
        scores: shape (n,).
        groups: shape (n,); boxes of different groups do not touch each other.
        threshold: intersection over union.
    """
    if not len(boxes):
        return torch.empty(0, dtype=torch.long)
    apart = (boxes.max() + 1) * groups.to(boxes)[:, None]
    left, top, right, bottom = (boxes + apart).numpy().T
    areas = (right - left) * (bottom - top)
    waiting: NDArray[np.intp] = np.argsort(-scores.numpy(), kind="stable")
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        across = np.clip(np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting]), 0, None)
        down = np.clip(np.minimum(bottom[best], bottom[waiting]) - np.maximum(top[best], top[waiting]), 0, None)
        shared = across * down
        waiting = waiting[shared <= threshold * (areas[best] + areas[waiting] - shared)]
    return torch.tensor(kept, dtype=torch.long)


def _stand_in(name: str, **content: Any) -> ModuleType:
    module = sys.modules.setdefault(name, ModuleType(name))
    for key, value in content.items():
        setattr(module, key, value)
    return module
