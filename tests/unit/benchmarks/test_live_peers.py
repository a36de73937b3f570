"""The peers that are measured beside stream-guard are what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.peers.efficientnet import B4_INPUT, EfficientNetB4
from benchmarks.peers.mtcnn import load_mtcnn, suppressed
from benchmarks.peers.sampler import sampled
from stream_guard.errors import ConfigError

pytestmark = pytest.mark.unit


def test_b4_has_the_size_of_b4() -> None:
    network = EfficientNetB4().eval()
    # 19.34 million with its 1,000 classes (Tan and Le, table 2, rounds to 19), 1.79 of them in the last layer.
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(17.55e6, rel=0.001)
    assert B4_INPUT == 380
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2,)


def test_overlapping_boxes_are_suppressed_within_their_group() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 10]])
    scores = torch.tensor([0.8, 0.9, 0.5, 0.4])
    assert suppressed(boxes, scores, torch.zeros(4), 0.5).tolist() == [1, 2]
    assert suppressed(boxes, scores, torch.tensor([0, 0, 0, 1]), 0.5).tolist() == [1, 2, 3]
    assert suppressed(boxes[:0], scores[:0], torch.zeros(0), 0.5).tolist() == []


def test_a_missing_peer_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pip install"):
        load_mtcnn(tmp_path)


def test_a_sampler_flags_at_its_first_look_behind_the_swap() -> None:
    looks = [(number / 10, 0.9 if number < 100 else 0.1) for number in range(240)]
    assert sampled(looks, first_s=2.0, swap_s=10.0) == (0, pytest.approx(2.0))
    assert sampled(looks, first_s=0.0, swap_s=10.0) == (0, pytest.approx(0.0))
    wrong = [(at_s, 0.4) for at_s, _ in looks]
    assert sampled(wrong, first_s=2.0, swap_s=10.0) == (2, pytest.approx(2.0))
    assert sampled([(at_s, 0.9) for at_s, _ in looks], first_s=2.0, swap_s=10.0) == (0, None)
