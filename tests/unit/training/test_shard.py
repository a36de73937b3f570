from __future__ import annotations

import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.training.shard import PreparedFace, Shard, ShardWriter, held_out

pytestmark = pytest.mark.unit


def test_what_was_written_is_read(tmp_path, face: PreparedFace):
    wide = PreparedFace(np.ascontiguousarray(face.rgb[:100]), face.landmarks / 2)
    with ShardWriter(tmp_path) as writer:
        writer.add(face, source="a", person="a/x", file="a/x.png")
        writer.add(wide, source="b", person="b/y", file="b/y.png")
    shard = Shard(tmp_path)
    assert len(shard) == 2
    for number, expected in enumerate((face, wide)):
        np.testing.assert_array_equal(shard[number].rgb, expected.rgb)
        np.testing.assert_array_equal(shard[number].landmarks, expected.landmarks)
    assert shard.sets.tolist() == ["a", "b"]
    assert len(shard.digest()) == 64


def test_an_interrupted_preparation_is_no_shard(tmp_path, face: PreparedFace):
    writer = ShardWriter(tmp_path)
    writer.add(face, source="a", person="a/x", file="a/x.png")
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not Shard.exists(tmp_path)
    with pytest.raises(ConfigError, match="no finished preparation"):
        Shard(tmp_path)


def test_people_are_split_not_pictures(tmp_path, face: PreparedFace):
    with ShardWriter(tmp_path) as writer:
        for person in range(60):
            for picture in range(2):
                writer.add(face, source="a", person=f"a/{person}", file=f"a/{person}_{picture}.png")
    shard = Shard(tmp_path)
    kept, out = shard.split()
    assert sorted(kept + out) == list(range(120))
    assert not set(shard.persons[kept]) & set(shard.persons[out])


def test_a_tenth_is_held_out():
    assert sum(held_out(f"person {number}") for number in range(10_000)) == pytest.approx(1000, rel=0.1)
