from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from stream_guard.errors import ModelError
from stream_guard.evaluation.predictor import loaded, predictor
from stream_guard.testing.engines import make_manifest
from stream_guard.training.export import compare, export, folded
from stream_guard.training.heads import Contrast
from stream_guard.training.network import Detector, NetworkOptions

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(0)
    network = Detector()
    # Batch norms as after training: folding them must matter.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def random_faces(count: int, size: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8)


def test_shapes(detector):
    output = detector(random_faces(3, 96))
    assert output.logits.shape == (3,)
    assert output.patches.shape == (3, 6, 6)


def test_the_residual_sees_detail_and_not_colour(detector):
    flat = torch.full((1, 64, 64, 3), 200, dtype=torch.uint8)
    assert detector.views(flat)[:, 3:].abs().max() < 1e-5
    spot = flat.clone()
    spot[0, 32, 32] = 255
    residual = detector.views(spot)[0, 3:]
    # One bright pixel keeps all but the blur's centre weight, times the gain of 6.
    weight = 1 - float(detector.blur[0, 0, 4, 4])
    assert residual[0, 32, 32] == pytest.approx(6 * weight * 55 / 255, rel=1e-4)
    assert residual[:, :20].abs().max() < 1e-5


def test_imagenet_weights_of_the_three_channel_network_fit(detector):
    state = {
        name: value for name, value in detector.state_dict().items() if not name.startswith(("logit", "patch"))
    }
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:, :3]
    state |= {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    network = Detector()
    network.load_imagenet(state)
    stem = network._conv_stem.weight
    assert torch.equal(stem[:, :3], stem[:, 3:])
    assert torch.equal(network._conv_head.weight, detector._conv_head.weight)
    with pytest.raises(ValueError, match="not the weights"):
        network.load_imagenet({name: value for name, value in state.items() if "_blocks.3" not in name})


def test_folding_changes_no_result(detector):
    faces = random_faces(2)
    with torch.inference_mode():
        before, after = detector(faces), folded(detector)(faces)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded(detector).modules())
    torch.testing.assert_close(before.logits, after.logits, atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(before.patches, after.patches, atol=5e-3, rtol=5e-3)


@pytest.mark.timeout(120)
def test_export_is_small_dynamic_and_agrees(detector, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    export(detector, path, size=64)
    assert path.stat().st_size < 10_000_000
    assert b".py" not in path.read_bytes()  # no traces of the machine that trained
    weights = {weight.data_type for weight in onnx.load(path).graph.initializer if len(weight.dims) == 4}
    assert onnx.TensorProto.FLOAT16 in weights
    faces = random_faces(19)  # more than one batch
    with torch.inference_mode():
        expected = folded(detector)(faces)
    with loaded(path, make_manifest(size=64, patch_grid=4)) as engine:
        np.testing.assert_allclose(predictor(engine)(faces.numpy()), expected.logits, atol=1e-3)
        assert predictor(engine)(faces.numpy()[:0]).shape == (0,)
        compare(detector, engine, size=64)
        with pytest.raises(ModelError, match=r"logits differs from the network by \d"):
            compare(Detector(), engine, size=64)
    with loaded(path, make_manifest(size=64)) as engine, pytest.raises(ModelError, match="gives no patches"):
        compare(detector, engine, size=64)


@pytest.mark.parametrize("views", ["rgb", "residual", "both"])
@pytest.mark.parametrize("head", ["mean", "contrast", "hybrid"])
def test_every_variant_starts_from_imagenet_weights(detector, views, head):
    state = {
        name: value for name, value in detector.state_dict().items() if not name.startswith(("logit", "patch"))
    }
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:, :3]
    state |= {"_fc.weight": torch.zeros(1), "_fc.bias": torch.zeros(1)}
    network = Detector(NetworkOptions(views=views, head=head)).eval()
    network.load_imagenet(state)
    assert torch.equal(network._blocks[3]._expand_conv.weight, detector._blocks[3]._expand_conv.weight)
    output = network(random_faces(2, 64))
    assert output.logits.shape == (2,)
    assert output.patches.shape == (2, 4, 4)


def test_the_contrast_head_compares_face_and_surroundings():
    torch.manual_seed(0)
    contrast = Contrast(4, width=8)
    torch.nn.init.normal_(contrast.judge[2].weight)
    features = torch.rand(1, 4, 14, 14)
    inside = contrast._inside(features)
    assert inside[7, 7] > 0.99
    assert inside[0, 0] < 0.01
    assert 0.25 < float(inside.mean()) < 0.45
    darker = features * torch.where(inside > 0.5, 0.5, 1.0)
    assert not torch.isclose(contrast(features), contrast(darker))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("head", ["contrast", "hybrid"])
def test_the_other_heads_can_be_exported(tmp_path, head):
    torch.manual_seed(0)
    network = Detector(NetworkOptions(head=head)).eval()
    export(network, tmp_path / "model.onnx", size=64)
    with loaded(tmp_path / "model.onnx", make_manifest(size=64, patch_grid=4)) as engine:
        compare(network, engine, size=64)
