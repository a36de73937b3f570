from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.accuracy.peers.cost import Cost, costs
from benchmarks.accuracy.peers.cvit import ConvolutionalTransformer
from benchmarks.accuracy.peers.layers import High, colours
from benchmarks.accuracy.peers.registry import PEERS
from benchmarks.accuracy.peers.results import Entry, predict_with, scores, table
from benchmarks.accuracy.peers.samples import SampleSet
from benchmarks.accuracy.peers.three_layer import ThreeLayer
from benchmarks.accuracy.peers.training import Course, Progress, train_peer
from benchmarks.accuracy.peers.vgg import VggHead
from stream_guard.errors import ConfigError
from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.comparison import ClipScore

pytestmark = pytest.mark.unit

SMALL = {
    "cvit": lambda: ConvolutionalTransformer(width=4, channels=32, depth=1),
    "vgg16": lambda: VggHead(width=4, head=16),
    "three_layer": lambda: ThreeLayer(width=4, compared=8),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pairs; the forged twin is brighter, in the middle more so."""
    rng = np.random.default_rng(0)
    faces = rng.integers(60, 120, (16, 128, 128, 3))
    faces[1::2] += 60
    masks = np.zeros((16, 8, 8), np.float32)
    masks[1::2, 2:6, 2:6] = 1
    np.save(tmp_path / "faces.npy", faces.astype(np.uint8))
    np.save(tmp_path / "labels.npy", np.tile(np.array([0, 1], np.float32), 8))
    np.save(tmp_path / "masks.npy", masks)
    return tmp_path


@pytest.mark.parametrize("build", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("size", [96, 128])
def test_shapes(build, size):
    network = build().eval()
    output = network(torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8))
    assert output.logits.shape == (3,)
    assert output.logits.dtype == torch.float32
    assert output.patches.shape == (3, size // 16, size // 16)


@pytest.mark.parametrize("build", SMALL.values(), ids=SMALL)
def test_a_few_steps_lower_the_loss(build, folder):
    torch.manual_seed(0)
    network, samples = build(), SampleSet(folder)
    before, after = (
        train_peer(network, samples, Course(steps=steps, pairs=4, learning_rate=3e-3, small_share=1))
        for steps in (1, 8)
    )
    assert before.steps == 1
    assert after.faces == 8 * 8
    assert after.loss < 0.85 * before.loss
    assert not network.training


def test_the_same_seed_gives_the_same_network(folder):
    trained = []
    for _ in range(2):
        torch.manual_seed(1)
        network = SMALL["three_layer"]()
        train_peer(network, SampleSet(folder), Course(steps=2, pairs=2, seed=5))
        trained.append(torch.cat([parameter.detach().flatten() for parameter in network.parameters()]))
    assert torch.equal(*trained)


def test_a_course_has_an_end(folder):
    with pytest.raises(ValueError, match="minutes or steps"):
        train_peer(SMALL["cvit"](), SampleSet(folder), Course())


def test_twins_share_window_and_mirror(folder):
    samples = SampleSet(folder)
    faces = np.load(folder / "faces.npy")
    batch = samples.batch([2, 6], 96, np.random.default_rng(3))
    assert batch.labels.tolist() == [0, 1, 0, 1]
    assert batch.faces.shape == (4, 96, 96, 3)
    assert batch.masks.shape == (4, 6, 6)
    for place, pair in enumerate((2, 6)):
        found = [
            (top, left, step)
            for top in (0, 16, 32)
            for left in (0, 16, 32)
            for step in (1, -1)
            if all(
                np.array_equal(
                    batch.faces[2 * place + twin].numpy(),
                    faces[pair + twin, top : top + 96, left : left + 96][:, ::step],
                )
                for twin in (0, 1)
            )
        ]
        assert len(found) == 1
        top, left, step = found[0]
        mask = np.load(folder / "masks.npy")[pair + 1, top // 16 : top // 16 + 6, left // 16 : left // 16 + 6]
        assert np.array_equal(batch.masks[2 * place + 1].numpy(), mask[:, ::step])


def test_every_pair_comes_once_a_pass(folder):
    passes = SampleSet(folder).pairs(4, np.random.default_rng(0))
    assert sorted(next(passes) + next(passes)) == list(range(0, 16, 2))
    assert len(next(passes)) == 4


def test_samples_out_of_turn_are_refused(folder):
    np.save(folder / "labels.npy", np.repeat(np.array([0, 1], np.float32), 8))
    with pytest.raises(ConfigError, match="not real and forged in turn"):
        SampleSet(folder)
    np.save(folder / "labels.npy", np.zeros(15, np.float32))
    with pytest.raises(ConfigError, match="do not fit"):
        SampleSet(folder)
    (folder / "labels.npy").unlink()
    with pytest.raises(ConfigError, match="holds no samples"):
        SampleSet(folder)


def test_the_residual_of_a_flat_picture_is_nothing():
    assert High()(colours(torch.full((1, 32, 32, 3), 77, dtype=torch.uint8))).abs().max() < 1e-5


def test_costs_are_counted():
    network = torch.nn.Sequential(_Front(), torch.nn.Conv2d(3, 8, 3, padding=1, bias=False))
    found = costs({"one": (network, 32), "same": (network, 32)}, rounds=3)
    assert found["one"].parameters == 3 * 8 * 9
    assert found["one"].gmacs == pytest.approx(32 * 32 * 9 * 3 * 8 / 1e9)
    assert found["one"].times_ours == 1.0
    assert 0.1 < found["same"].times_ours < 10


def test_a_transformer_is_counted_whole():
    shallow, deep = (ConvolutionalTransformer(width=4, channels=64, depth=depth) for depth in (1, 3))
    found = costs({"shallow": (shallow, 96), "deep": (deep, 96)}, rounds=1)
    # Ten tokens: four projections of 64x64 and two of 64x128 in each layer, and attention beside them.
    assert (found["deep"].gmacs - found["shallow"].gmacs) * 1e9 >= 2 * 10 * (4 * 64 * 64 + 2 * 64 * 128)


def test_clips_are_scored_by_networks_with_and_without_a_patch_map():
    crops = np.random.default_rng(0).integers(0, 256, (18, 96, 96, 3)).astype(np.uint8)
    real, fake = Clip(Path("a.mp4"), "real", "one_real"), Clip(Path("b.mp4"), "fake", "one_swapped")
    network = SMALL["vgg16"]().eval()
    view = [(real, crops), (fake, crops[:3]), (fake, crops[:0])]  # none was found in the last
    found = scores(view, predict_with(network))
    assert [(one.clip, len(one.frames)) for one in found] == [(real, 18), (fake, 3)]
    assert found[0].frames[:3] == pytest.approx(found[1].frames, abs=1e-5)
    bare = scores(view, predict_with(_Logits(network)))
    assert bare[0].frames == found[0].frames


def test_the_table_has_a_row_for_each_detector_and_a_column_for_each_group():
    clips = [Clip(Path(f"{n}.mp4"), "fake" if n % 2 else "real", "x" if n % 2 else "x_real") for n in range(8)]
    found = [ClipScore(clip, (float(number % 2),)) for number, clip in enumerate(clips)]
    trained = Progress(steps=5, faces=1280, seconds=90.0, loss=0.5)
    entries = [Entry("a", "first", found, 224), Entry("b", "second", found, 224, remark="small", trained=trained)]
    head, _, first, second = table(entries, {"b": Cost(1_500_000, 0.25, 9.0, 1.5)}).splitlines()
    assert head.startswith("| detector | x | all |")
    assert first.startswith("| first | 1.00 (1.00-1.00) |")
    assert second.endswith("| 1.5 min, 1,280 faces | 1.50 M | 0.25 | 1.5 | small |")


def test_every_peer_can_be_built_and_has_a_title():
    assert len({peer.title for peer in PEERS.values()}) == len(PEERS)
    for peer in PEERS.values():
        assert isinstance(peer.build(None), torch.nn.Module)


class _Logits(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.network(faces).logits


class _Front(torch.nn.Module):
    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return colours(faces)
