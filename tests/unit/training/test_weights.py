"""Where training's first weights come from: never a file but the expected one."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from stream_guard.errors import ModelError
from stream_guard.training import weights
from stream_guard.training.weights import IMAGENET, imagenet_weights
from tests.unit.models.test_store import CONTENT, FakeOrigin

pytestmark = pytest.mark.unit


@pytest.fixture
def origin(monkeypatch):
    origin = FakeOrigin()
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = replace(IMAGENET, sha256=digest, size=len(CONTENT), origins=(origin,))
    monkeypatch.setattr(weights, "IMAGENET", file)
    return origin


def test_they_are_fetched_once_and_again_where_damaged(tmp_path, origin):
    path = imagenet_weights(tmp_path)
    assert path.read_bytes() == CONTENT
    imagenet_weights(tmp_path)
    assert len(origin.calls) == 1
    path.write_bytes(CONTENT[:-1])
    assert imagenet_weights(tmp_path).read_bytes() == CONTENT
    assert len(origin.calls) == 2


def test_another_file_is_never_kept(tmp_path, origin):
    origin.content = CONTENT[1:]
    with pytest.raises(ModelError, match="sha256 differs"):
        imagenet_weights(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_file_that_is_given_is_taken_only_if_it_is_the_one(tmp_path, origin):
    mine = tmp_path / "mine.pth"
    with pytest.raises(ModelError, match=r"no ImageNet weights at .*mine\.pth"):
        imagenet_weights(tmp_path, mine)
    mine.write_bytes(CONTENT[1:])
    with pytest.raises(ModelError, match=r"mine\.pth is not efficientnet.*sha256 differs"):
        imagenet_weights(tmp_path, mine)
    mine.write_bytes(CONTENT)
    assert imagenet_weights(tmp_path, mine) == mine
    assert origin.calls == []
