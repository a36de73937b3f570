from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stream_guard.errors import ConfigError
from stream_guard.training.checkpoint import load_detector
from stream_guard.training.dataset import Recipe
from stream_guard.training.forgery import Mix
from stream_guard.training.network import Detector, NetworkOptions, Output
from stream_guard.training.train import Options, _recipe_at, loss_of, schedule, train

pytestmark = pytest.mark.unit
OPTIONS = Options(
    minutes=0.03,
    recipe=Recipe(size=64, grid=4, face_px=(72.0, 80.0), mix=Mix(reconstructed=0)),
    groups=1,
    small_share=0.0,
    workers=0,
)


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """Untrained weights in the form of the published ones."""
    torch.manual_seed(3)
    state = {
        name: value for name, value in Detector().state_dict().items() if not name.startswith(("logit", "patch"))
    }
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:, :3].clone()
    torch.save(state | {"_fc.weight": torch.zeros(1), "_fc.bias": torch.zeros(1)}, tmp_path / "imagenet.pth")
    return tmp_path / "imagenet.pth"


@pytest.mark.timeout(120)
def test_a_run_learns_saves_and_goes_on_where_it_stopped(shard, imagenet, tmp_path):
    out, steps = tmp_path / "run", []
    detector = train(shard, out, imagenet, OPTIONS, report=steps.append)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert not detector.training
    start = Detector()
    start.load_imagenet(torch.load(imagenet, weights_only=True))
    assert not torch.equal(detector._conv_head.weight, start._conv_head.weight)
    assert torch.equal(load_detector(out)._conv_head.weight, detector._conv_head.weight)

    # The time is used up: asked for the same minutes, no step is added; asked for more, steps go on.
    more: list = []

    def stop_at_once(step):
        more.append(step)
        raise InterruptedError

    train(shard, out, imagenet, OPTIONS, report=stop_at_once)
    assert more == []
    with pytest.raises(InterruptedError):
        train(shard, out, imagenet, replace(OPTIONS, minutes=5), report=stop_at_once)
    assert more[0].number == steps[-1].number + 1
    assert 0 < more[0].share < 0.5


def test_time_decides_size_and_learning_rate():
    options = replace(OPTIONS, recipe=Recipe(), small_share=0.4)
    assert (_recipe_at(0.39, options).size, _recipe_at(0.39, options).grid) == (160, 10)
    assert _recipe_at(0.4, options) == Recipe()
    rates = [schedule(share / 100) for share in range(101)]
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates.index(max(rates)) in (2, 3)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert schedule(1.0, lowest=0.4) == pytest.approx(0.4)


def test_another_recipe_does_not_go_on_in_the_same_folder(shard, imagenet, tmp_path):
    quick = replace(OPTIONS, minutes=1e-6)
    train(shard, tmp_path / "run", imagenet, quick)
    other = replace(quick, recipe=replace(quick.recipe, margin=1.6))
    with pytest.raises(ConfigError, match="another recipe"):
        train(shard, tmp_path / "run", imagenet, other)
    with pytest.raises(ConfigError, match="another recipe"):
        train(shard, tmp_path / "run", imagenet, replace(quick, network=NetworkOptions(head="contrast")))


def test_a_checkpoint_remembers_its_network(shard, imagenet, tmp_path):
    train(shard, tmp_path / "run", imagenet, replace(OPTIONS, minutes=1e-6, network=NetworkOptions(head="hybrid")))
    assert load_detector(tmp_path / "run").hybrid is not None


@pytest.mark.timeout(120)
def test_checkpoints_are_kept_and_another_run_can_begin_from_one(shard, imagenet, tmp_path):
    steps: list = []
    first = train(shard, tmp_path / "run", imagenet, replace(OPTIONS, keep_every=1), report=steps.append)
    kept = sorted((tmp_path / "run" / "kept").iterdir())
    assert [path.name for path in kept] == [f"step-{number:06d}.pt" for number in range(1, len(steps) + 1)]
    # The last kept one is the result, so another run that begins there and has no time left ends there too.
    assert torch.equal(load_detector(kept[-1])._conv_head.weight, first._conv_head.weight)
    options = replace(OPTIONS, minutes=1e-6, network=NetworkOptions(head="contrast"))
    second = train(shard, tmp_path / "other", imagenet, options, start=kept[-1])
    begun = torch.load(kept[-1], weights_only=True)["network"]["_conv_head.weight"]
    assert torch.equal(second._conv_head.weight, begun)
    assert second.contrast is not None


def test_reconstructions_that_are_asked_for_must_be_there(shard, imagenet, tmp_path):
    with pytest.raises(ConfigError, match="none have been drawn"):
        train(shard, tmp_path / "run", imagenet, replace(OPTIONS, recipe=Recipe()))


def test_the_loss_falls_with_each_thing_that_is_asked_for():
    labels, masks = torch.tensor([0.0, 1.0]), torch.zeros(2, 4, 4)
    masks[1, 1:3, 1:3] = 1

    def loss(real: float, fake: float, where: torch.Tensor) -> float:
        output = Output(torch.tensor([float(real), float(fake)]), where)
        return float(loss_of(output, labels, masks, OPTIONS)[0])

    right, wrong, unsure = masks * 8 - 4, 4 - masks * 8, torch.zeros(2, 4, 4)
    assert loss(-2, 2, right) < loss(-2, 2, unsure) < loss(-2, 2, wrong)
    assert loss(-2, 2, right) < loss(0, 0, right) < loss(2, -2, right)

    def of_twins(real: float, fake: float) -> float:
        output = Output(torch.tensor([float(real), float(fake)]), unsure)
        with_them, without = (
            loss_of(output, labels, masks, replace(OPTIONS, pair_weight=weight))[0] for weight in (1.0, 0.0)
        )
        return float(with_them - without)

    assert of_twins(1, 3) < of_twins(2, 2) < of_twins(3, 1)
