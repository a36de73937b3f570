from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.accuracy.peers.mesonet import Inception, Meso4, MesoInception4, MesoNet, fill, load_mesonet
from stream_guard.errors import ModelError
from tests.data import VARIABLE

pytestmark = pytest.mark.unit


def keras_arrays(network: MesoNet, *, first_number: int = 1) -> dict[str, np.ndarray]:
    """Return arrays as Keras names and lays them out: zeros, and batch norms that change nothing."""
    arrays = {}
    for kind, layers in network.in_keras_order().items():
        for number, layer in enumerate(layers, first_number):
            name = f"{kind}_{number}/{kind}_{number}"
            if kind == "batch_normalization":
                for parameter in ("gamma", "beta", "moving_mean", "moving_variance"):
                    filled = parameter in ("gamma", "moving_variance")
                    arrays[f"{name}/{parameter}:0"] = np.full(layer.num_features, float(filled), np.float32)
            else:
                outputs, inputs, *kernel = layer.weight.shape
                arrays[f"{name}/kernel:0"] = np.zeros((*kernel, inputs, outputs), np.float32)
                arrays[f"{name}/bias:0"] = np.zeros(outputs, np.float32)
    return arrays


def pass_on(arrays: dict[str, np.ndarray], name: str, *, row: int, column: int, source: int, target: int) -> None:
    """Make a convolution hand one channel on as another, moved: its kernel is a single one."""
    arrays[f"{name}/{name}/kernel:0"][row, column, source, target] = 1.0


def published(name: str) -> Path:
    folder = Path(os.environ.get(VARIABLE) or Path(__file__).parents[4] / "shared" / "data")
    if not (folder / "weights").is_dir():
        pytest.skip(f"MesoNet's weights are not here: set {VARIABLE} to the folder that holds them")
    return folder / "weights" / name


def test_a_hand_computed_path_through_meso4():
    network, arrays = Meso4(), keras_arrays(Meso4(), first_number=9)
    # Green goes through channel 2; the third convolution looks two pixels to the right, the others straight on.
    pass_on(arrays, "conv2d_9", row=1, column=1, source=1, target=2)
    pass_on(arrays, "conv2d_10", row=2, column=2, source=2, target=0)
    pass_on(arrays, "conv2d_11", row=2, column=4, source=0, target=15)
    pass_on(arrays, "conv2d_12", row=2, column=2, source=15, target=3)
    # The norm comes after the ReLU: it may leave what is negative. 1 - 2 = -1, and only the next ReLU takes it.
    arrays["batch_normalization_12/batch_normalization_12/beta:0"][3] = -2.0
    # The dense layer reads row 4, column 6, channel 3, and the leaky ReLU keeps a tenth of what is negative.
    arrays["dense_9/dense_9/kernel:0"][(4 * 8 + 6) * 16 + 3, 7] = 1.0
    arrays["dense_10/dense_10/kernel:0"][7, 0] = 5.0
    arrays["dense_10/dense_10/bias:0"][0] = 0.25
    fill(network.eval(), arrays)
    faces = torch.zeros(2, 256, 256, 3, dtype=torch.uint8)
    # 32 x 32 cells of 8 px after three maxima; cell row 16, column 24 is the first of the last one's (4, 6). Two
    # pixels of the third convolution's input are eight of the picture: what it shall see lies at 24 * 8 + 8.
    faces[1, 16 * 8 + 3, 24 * 8 + 8 + 3, 1] = 255
    with torch.inference_mode():
        logits = network(faces)
    norm = 1 / np.sqrt(1 + 1e-3)  # of each of the four, whose epsilon is Keras's
    seen = norm**4 - 2
    expected = [-(5 * 0.1 * -2.0 + 0.25), -(5 * 0.1 * seen + 0.25)]
    assert logits.tolist() == pytest.approx(expected, abs=1e-5)


def test_an_inception_module_dilates_its_third_and_fourth_branches():
    module = Inception(1, (1, 1, 1, 1))
    for layer in module.in_keras_order():
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        layer.weight.data[0, 0, -1, -1] = 1.0  # a 3x3 one looks to the lower right, by its dilation
    picture = torch.zeros(1, 1, 9, 9)
    picture[0, 0, 5, 5] = 1.0
    places = [tuple(np.argwhere(maps == 1)[0]) for maps in module(picture)[0].detach().numpy()]
    assert places == [(5, 5), (4, 4), (3, 3), (2, 2)]


def test_keras_order_of_an_inception_module():
    shapes = [tuple(layer.weight.shape) for layer in Inception(11, (2, 4, 3, 5)).in_keras_order()]
    branches = [(4, 11, 1, 1), (4, 4, 3, 3), (3, 11, 1, 1), (3, 3, 3, 3), (5, 11, 1, 1), (5, 5, 3, 3)]
    assert shapes == [(2, 11, 1, 1), *branches]


def test_parameters_are_those_of_the_paper():
    assert sum(parameter.numel() for parameter in Meso4().parameters()) == 27_977
    assert sum(parameter.numel() for parameter in MesoInception4().parameters()) == 28_615


def test_arrays_of_another_network_are_refused():
    with pytest.raises(ModelError, match="expected 16 layers"):
        fill(MesoInception4(), keras_arrays(Meso4()))
    arrays = keras_arrays(Meso4())
    with pytest.raises(ModelError, match="belong to no layer"):
        fill(Meso4(), arrays | {"other:0": np.zeros(1, np.float32)})
    arrays["conv2d_2/conv2d_2/kernel:0"] = np.zeros((3, 3, 8, 8), np.float32)
    with pytest.raises(ModelError, match="conv2d_2 has the shape"):
        fill(Meso4(), arrays)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Meso4_DF", Meso4),
        ("Meso4_F2F", Meso4),
        ("MesoInception_DF", MesoInception4),
        ("MesoInception_F2F", MesoInception4),
    ],
)
def test_published_weights_fit(name, kind):
    network = load_mesonet(published(f"{name}.npz"))
    assert type(network) is kind
    assert not network.training
    with torch.inference_mode():
        logits = network(torch.randint(0, 256, (2, 256, 256, 3), dtype=torch.uint8))
    assert logits.shape == (2,)
    assert torch.isfinite(logits).all()
