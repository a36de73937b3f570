from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from stream_guard.training.dataset import Recipe, Twins, _how_often, join
from stream_guard.training.forgery import KINDS, Mix
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit
RECIPE = Recipe(size=64, grid=4, face_px=(72.0, 100.0), mix=Mix(reconstructed=0))


def groups(shard, recipe=RECIPE, seed=0, count=2):
    return list(islice(Twins(shard, list(range(12)), recipe, seed=seed), count))


@pytest.mark.parametrize("codec_share", [0.0, 1.0])
def test_twins_differ_where_the_mask_says(shard, codec_share):
    batch = join(groups(shard, replace(RECIPE, codec_share=codec_share)))
    assert batch.faces.shape == (32, 64, 64, 3)
    assert batch.faces.dtype == torch.uint8
    assert batch.labels.tolist() == [0, 1] * 16
    assert batch.masks.shape == (32, 4, 4)
    assert batch.masks[0::2].abs().max() == 0
    assert batch.masks[1::2].amax(dim=(1, 2)).min() > 0.02
    assert batch.kinds[0::2].eq(KINDS.index("real")).all()
    assert batch.kinds[1::2].gt(0).all()
    assert torch.equal(batch.positions[0::2], batch.positions[1::2])
    assert batch.masks.max() <= 1 + 1e-6
    real, fake = batch.faces[0::2].float(), batch.faces[1::2].float()
    assert (real - fake).abs().mean(dim=(1, 2, 3)).min() > 0


def test_the_seed_decides_everything(shard):
    once, again, other = (groups(shard, seed=seed, count=1)[0] for seed in (1, 1, 2))
    assert torch.equal(once.faces, again.faces)
    assert torch.equal(once.masks, again.masks)
    assert not torch.equal(once.faces, other.faces)


def test_real_and_fake_are_equally_bright_on_average(shard):
    """A detector must not be able to tell them apart by anything but the forgery."""
    batch = join(groups(shard, count=6))
    means = batch.faces.float().mean(dim=(1, 2, 3))
    assert abs(float(means[0::2].mean() - means[1::2].mean())) < 4


def test_faces_whose_crop_leaves_the_picture_are_seen_less_often(face):
    tight = PreparedFace(face.rgb[40:180, 40:180], face.landmarks - 40)
    assert _how_often(face, 1.4) == 1.0
    assert _how_often(tight, 1.1) == 1.0
    assert _how_often(tight, 1.6) < 1.0
