"""A drawn face with landmarks where a Face Mesh has them, and a small shard of such faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stream_guard.training.blending import _BROWS, _LIPS
from stream_guard.training.contours import OVAL
from stream_guard.training.shard import PreparedFace, Shard, ShardWriter


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Beside other work threads that wait for each other make networks so small many times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw_face(seed: int = 0, side: int = 220) -> PreparedFace:
    rng = np.random.default_rng(seed)
    rgb = cv2.GaussianBlur(rng.integers(0, 255, (side, side, 3), np.uint8), (0, 0), 1.5)
    centre, radii = np.array([side / 2, side / 2]), np.array([side * 0.2, side * 0.26])
    cv2.ellipse(rgb, centre.astype(int), radii.astype(int), 0, 0, 360, (190, 150, 130), -1)
    cv2.randn(grain := np.zeros((side, side, 3), np.int16), 0, 6)
    rgb = np.clip(rgb + grain, 0, 255).astype(np.uint8)
    landmarks = centre + radii * 0.6 * rng.uniform(-1, 1, (478, 2))
    around = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    landmarks[OVAL] = centre + radii * np.stack([np.cos(around), np.sin(around)], 1)
    landmarks[_BROWS] = centre + radii * np.stack(
        [np.linspace(-0.7, 0.7, len(_BROWS)), np.full(len(_BROWS), -0.4)], 1
    )
    lips = np.linspace(0, 2 * np.pi, len(_LIPS), endpoint=False)
    landmarks[_LIPS] = centre + radii * ([0, 0.5] + 0.2 * np.stack([np.cos(lips), np.sin(lips)], 1))
    return PreparedFace(rgb, landmarks.astype(np.float32))


@pytest.fixture
def face() -> PreparedFace:
    return draw_face()


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    with ShardWriter(folder) as writer:
        for number in range(12):
            writer.add(draw_face(number), source="drawn", person=f"drawn/{number}", file=f"drawn/{number}.png")
    return folder


@pytest.fixture
def colourful(tmp_path: Path) -> Shard:
    """Faces that differ in what a decoder can draw: smooth blotches, no grain."""
    folder = tmp_path / "colourful"
    with ShardWriter(folder) as writer:
        for number in range(12):
            blotches = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
            rgb = cv2.resize(blotches, (220, 220), interpolation=cv2.INTER_LINEAR)
            face = PreparedFace(rgb, draw_face(number).landmarks)
            writer.add(face, source="drawn", person=f"drawn/{number}", file=f"drawn/{number}.png")
    return Shard(folder)
