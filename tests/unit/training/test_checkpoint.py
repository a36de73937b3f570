from __future__ import annotations

import pytest
import torch

from stream_guard.errors import ModelError
from stream_guard.training.checkpoint import begin_from, load_detector, save
from stream_guard.training.dataset import Recipe
from stream_guard.training.network import Detector, NetworkOptions

pytestmark = pytest.mark.unit


def _saved(path, options=None):
    torch.manual_seed(5)
    network = Detector(options)
    average = torch.optim.swa_utils.AveragedModel(network)
    save(path, network, average, torch.optim.SGD(network.parameters()), Recipe(), number=7, elapsed=3.0)
    return network


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"no checkpoint\.pt"):
        load_detector(tmp_path)


def test_what_is_no_checkpoint_is_refused_in_words(tmp_path):
    torn, other = tmp_path / "torn.pt", tmp_path / "other.pt"
    _saved(torn)
    torn.write_bytes(torn.read_bytes()[:1000])
    torch.save({"weights": torch.zeros(3)}, other)
    for path in (torn, other):
        with pytest.raises(ModelError, match="not a checkpoint"):
            load_detector(path)


def test_a_network_with_more_parts_keeps_its_own_where_the_other_has_none(tmp_path):
    begun = _saved(tmp_path / "mean.pt")
    network = Detector(NetworkOptions(head="contrast"))
    own = network.contrast.project.weight.clone()
    begin_from(tmp_path / "mean.pt", network)
    assert torch.equal(network.logit.weight, begun.logit.weight)
    assert torch.equal(network.contrast.project.weight, own)


def test_another_kind_of_network_is_no_beginning(tmp_path):
    _saved(tmp_path / "hybrid.pt", NetworkOptions(head="hybrid"))
    with pytest.raises(ModelError, match="another kind of network"):
        begin_from(tmp_path / "hybrid.pt", Detector())
