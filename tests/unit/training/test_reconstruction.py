from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.faces.align import cut
from stream_guard.training.autoencoder import Spec, face_matrix, train_autoencoder
from stream_guard.training.reconstruction import (
    Reconstructions,
    prepare_reconstructions,
    reconstruct_all,
)
from stream_guard.training.shard import Shard

pytestmark = pytest.mark.unit
TINY = (Spec(32, 4, 16, 8, "pixel_shuffle"), Spec(48, 4, 16, 8, "nearest", margin=1.4))


def test_every_face_is_stored_where_its_matrix_says(colourful: Shard, tmp_path: Path):
    faces, shares = colourful, []
    networks = [(spec, train_autoencoder(faces, spec, 1.0, seed=0, steps=40)) for spec in TINY]
    reconstruct_all(faces, tmp_path, networks, shares.append)
    stored = Reconstructions(tmp_path)
    assert (stored.kinds, len(stored)) == (2, len(faces))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for kind, spec in enumerate(TINY):
        for position in range(len(faces)):
            drawn, matrix = stored.drawn(position, kind)
            assert drawn.shape == (spec.resolution, spec.resolution, 3)
            own, other = (cut(faces[i].rgb, matrix, size=spec.resolution) for i in (position, position - 1))
            moved = matrix + np.array([[0, 0, 6], [0, 0, 6]])
            off = [np.abs(drawn - x.astype(float)).mean() for x in (own, other)]
            off.append(np.abs(drawn - cut(faces[position].rgb, moved, size=spec.resolution).astype(float)).mean())
            assert off[0] < 0.5 * min(off[1:])
            np.testing.assert_array_equal(matrix, face_matrix(faces[position].landmarks, spec))


@pytest.mark.timeout(180)  # two processes import torch
@pytest.mark.parametrize("workers", [1, 2])
def test_one_call_trains_draws_and_stores(shard: Path, tmp_path: Path, workers):
    shares = []
    stored = prepare_reconstructions(
        shard, tmp_path, minutes=0.01, seed=0, specs=TINY, workers=workers, progress=shares.append
    )
    assert stored.kinds == 2
    assert stored.digest == Shard(shard).digest()
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert all(stored.drawn(position, 1)[0].std() > 0 for position in range(len(stored)))


def test_an_unfinished_set_is_none(shard: Path, tmp_path: Path):
    faces = Shard(shard)
    networks = [(TINY[0], train_autoencoder(faces, TINY[0], 1.0, seed=0, steps=1))]

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    reconstruct_all(faces, tmp_path, networks)
    assert Reconstructions.exists(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        reconstruct_all(faces, tmp_path, networks, stop)
    assert not Reconstructions.exists(tmp_path)
    with pytest.raises(ConfigError, match="no finished reconstructions"):
        Reconstructions(tmp_path)
