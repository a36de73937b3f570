from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stream_guard.faces.align import cut
from stream_guard.training.autoencoder import Autoencoder, Spec, face_matrix, train_autoencoder
from stream_guard.training.shard import PreparedFace, Shard

pytestmark = pytest.mark.unit
TINY = Spec(32, 4, 16, 8, "pixel_shuffle")


@pytest.mark.parametrize("decoder", ["pixel_shuffle", "transposed", "nearest", "bilinear"])
@pytest.mark.parametrize(("resolution", "stride"), [(32, 4), (48, 8), (64, 16)])
def test_a_face_is_drawn_at_its_own_size(decoder, resolution, stride):
    network = Autoencoder(Spec(resolution, stride, 6, 8, decoder))
    squares = np.full((2, resolution, resolution, 3), 90, np.uint8)
    drawn = network.draw(squares)
    assert drawn.shape == squares.shape
    assert drawn.dtype == np.uint8
    latents = network.encoder(torch.zeros(1, 3, resolution, resolution))
    assert latents.shape == (1, 6, resolution // stride, resolution // stride)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("adversarial", [0.0, 0.3])
def test_training_soon_draws_each_face_better_than_the_mean_face(colourful: Shard, adversarial):
    spec, shares = replace(TINY, adversarial=adversarial), []
    network = train_autoencoder(
        colourful, spec, 1.0, seed=0, steps=60, progress=lambda share, loss: shares.append((share, loss))
    )
    faces = [colourful[position] for position in range(len(colourful))]
    squares = np.stack([cut(face.rgb, face_matrix(face.landmarks, spec), size=32) for face in faces])
    off = np.abs(network.draw(squares).astype(float) - squares).mean()
    assert off < 0.3 * np.abs(squares - squares.mean(axis=0)).mean()
    # Nor is it the mean colours alone, which pass without training.
    untrained = Autoencoder(spec).draw(squares)
    assert off < 0.8 * np.abs(untrained.astype(float) - squares).mean()
    assert shares[-1][0] == 1
    assert shares[-1][1] < shares[0][1]
    assert not network.training


def test_the_seed_decides_everything(shard: Path):
    faces = Shard(shard)
    once, again, other = (
        train_autoencoder(faces, TINY, 1.0, seed=seed, steps=3).state_dict() for seed in (1, 1, 2)
    )
    for name, value in once.items():
        torch.testing.assert_close(value, again[name], rtol=0, atol=0)
    assert any(not torch.equal(value, other[name]) for name, value in once.items())


def test_people_held_out_are_never_trained_on(shard: Path, monkeypatch):
    faces, seen = Shard(shard), set()
    read = Shard.__getitem__
    monkeypatch.setattr(Shard, "__getitem__", lambda self, i: (seen.add(i), read(self, i))[1])
    train_autoencoder(faces, TINY, 1.0, seed=0, steps=20)
    kept, out = faces.split()
    assert out
    assert seen == set(kept)


def test_a_tilted_head_is_turned_upright(face: PreparedFace):
    landmarks = face.landmarks.copy()
    middle = landmarks.mean(axis=0)
    landmarks[33], landmarks[263] = middle - np.float32([30, 20]), middle + np.float32([30, -20])
    tilt = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), 25, 1.0)
    tilted = (landmarks @ tilt[:, :2].T + tilt[:, 2]).astype(np.float32)
    matrix = face_matrix(tilted, TINY)
    eyes = tilted[[33, 263]] @ matrix[:, :2].T + matrix[:, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-3)
    assert eyes[0, 0] < eyes[1, 0]
    every = tilted @ matrix[:, :2].T + matrix[:, 2]
    assert every.min() > -6
    assert every.max() < TINY.resolution + 6
