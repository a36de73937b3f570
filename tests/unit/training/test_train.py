from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stream_guard.errors import ConfigError, ModelError
from stream_guard.training.dataset import Recipe
from stream_guard.training.network import Detector
from stream_guard.training.train import Options, _recipe_at, _schedule, load_detector, train

pytestmark = pytest.mark.unit
OPTIONS = Options(
    minutes=0.03, recipe=Recipe(size=64, grid=4, face_px=(72.0, 80.0)), groups=1, small_share=0.0, workers=0
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
    assert (_recipe_at(0.39, options).size, _recipe_at(0.39, options).grid) == (128, 8)
    assert _recipe_at(0.4, options) == Recipe()
    rates = [_schedule(share / 100) for share in range(101)]
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates.index(max(rates)) in (2, 3)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_another_recipe_does_not_go_on_in_the_same_folder(shard, imagenet, tmp_path):
    quick = replace(OPTIONS, minutes=1e-6)
    train(shard, tmp_path / "run", imagenet, quick)
    other = replace(quick, recipe=replace(quick.recipe, margin=1.6))
    with pytest.raises(ConfigError, match="another recipe"):
        train(shard, tmp_path / "run", imagenet, other)


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"no checkpoint\.pt"):
        load_detector(tmp_path)
