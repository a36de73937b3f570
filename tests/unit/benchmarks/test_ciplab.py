from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from benchmarks.accuracy.ciplab import judge, read_pictures, splits, summary
from benchmarks.accuracy.peers.frozen import FROZEN, Tail, features, shifted_copies, train_tail
from stream_guard.errors import ConfigError
from stream_guard.training.network import Detector

pytestmark = pytest.mark.unit

LABELS = np.array([0] * 1081 + [1] * 960, np.float32)


def test_splits_are_disjoint_whole_and_by_class():
    for learned, judged in splits(LABELS, 4):
        assert not set(learned) & set(judged)
        assert sorted([*learned, *judged]) == list(range(len(LABELS)))
        assert int((LABELS[judged] == 0).sum()) == 108
        assert int((LABELS[judged] == 1).sum()) == 96


def test_splits_are_seeded_and_differ():
    first, again, other = (splits(LABELS, 3, seed=seed) for seed in (7, 7, 8))
    for one, same in zip(first, again, strict=True):
        assert np.array_equal(one[1], same[1])
    assert not np.array_equal(first[0][1], other[0][1])
    assert not np.array_equal(first[0][1], first[1][1])


def test_judgement_of_made_up_logits():
    #           alarm: no  yes    no  yes  yes  no
    logits = np.array([-2.0, 0.5, -1.0, 3.0, 0.1, -0.5], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 1], np.float32)
    found = judge(logits, labels, ("", "", "", "easy", "hard", "hard"))
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.auc == pytest.approx(7 / 9)
    assert found.found == {"easy": 1.0, "hard": 0.5}


def test_without_an_alarm_nothing_is_precise():
    found = judge(np.array([-1.0, -2.0], np.float32), np.array([0, 1], np.float32), ("", "mid"))
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_summary_gives_mean_and_range():
    labels = np.array([0, 1], np.float32)
    right = judge(np.array([-1.0, 1.0], np.float32), labels, ("", "easy"))
    wrong = judge(np.array([1.0, -1.0], np.float32), labels, ("", "hard"))
    found = summary([right, wrong])
    assert found["accuracy"] == (0.5, 0.0, 1.0)
    assert found["recall, easy"] == (1.0, 1.0, 1.0)
    assert found["recall, hard"] == (0.0, 0.0, 0.0)


def test_pictures_are_read_with_label_and_difficulty(tmp_path):
    for name, colour in (("real/real_00001.jpg", (0, 0, 200)), ("fake/mid_7_0101.jpg", (200, 0, 0))):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), np.full((16, 16, 3), colour, np.uint8))
    pictures = read_pictures(tmp_path)
    assert pictures.labels.tolist() == [0, 1]
    assert pictures.difficulties == ("", "mid")
    assert pictures.pixels[0, 8, 8, 0] > 150 > pictures.pixels[1, 8, 8, 0]  # red first
    with pytest.raises(ConfigError, match="no pictures"):
        read_pictures(tmp_path / "real")


def test_a_tail_goes_on_where_the_frozen_blocks_stop():
    torch.manual_seed(0)
    detector = Detector().eval()
    torch.nn.init.normal_(detector.logit.weight, std=0.5)
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        whole = detector(torch.from_numpy(faces)).logits
        parts = Tail(detector).eval()(features(detector, faces))
    assert parts.tolist() == pytest.approx(whole.tolist(), abs=1e-5)


def test_a_tail_learns_and_leaves_the_detector_alone():
    torch.manual_seed(0)
    detector = Detector()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    rng = np.random.default_rng(0)
    labels = np.tile(np.array([0, 1], np.float32), 8)
    kept = (
        torch.randn(2, 16, 112, 2, 2).to(torch.bfloat16) + torch.from_numpy(labels)[:, None, None, None].bfloat16()
    )
    losses = train_tail(Tail(detector), kept, labels, epochs=4, rng=rng, batch=8)
    assert losses[-1] < 0.8 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())


def test_copies_are_moved_and_every_other_one_mirrored():
    pictures = np.zeros((1, 40, 40, 3), np.uint8)
    pictures[0, 20, 15] = 255
    copies = shifted_copies(pictures, 4, np.random.default_rng(1), reach=3)
    assert np.array_equal(copies[0], pictures)
    columns = [int(np.argwhere(copy[0, :, :, 0])[0][1]) for copy in copies]
    assert all(abs(column - 15) <= 3 for column in columns[::2])
    assert all(abs(column - 24) <= 3 for column in columns[1::2])


def test_as_many_blocks_are_frozen_as_lie_above_a_sixteenth():
    detector = Detector().eval()
    kept = features(detector, np.zeros((1, 64, 64, 3), np.uint8), FROZEN)
    assert kept.shape == (1, 112, 4, 4)
