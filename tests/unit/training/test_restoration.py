from __future__ import annotations

import pytest
import torch

from stream_guard.training.restoration import adversary, discriminator, restoration

pytestmark = pytest.mark.unit


def pictures(seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.nn.functional.interpolate(torch.rand(4, 3, 8, 8) * 2 - 1, scale_factor=4.0, mode="bilinear")


def test_the_loss_is_nothing_for_the_same_picture_and_grows_with_the_error():
    faces, off = pictures(0), torch.randn(4, 3, 32, 32)
    losses = [restoration((faces + much * off).detach(), faces)[0] for much in (0, 0.05, 0.2)]
    assert losses[0] == pytest.approx(0, abs=1e-5)
    assert losses[0] < losses[1] < losses[2]


def test_following_the_gradient_restores_the_picture():
    faces, drawn = pictures(0), pictures(1)
    before, _ = restoration(drawn.clone(), faces)
    for _ in range(30):
        _, gradient = restoration(drawn.detach(), faces)
        drawn = drawn.detach() - 60 * gradient
    assert restoration(drawn, faces)[0] < 0.7 * before


def test_the_discriminator_learns_to_tell_and_its_gradient_is_scaled():
    torch.manual_seed(0)
    critic = discriminator()
    optimiser = torch.optim.Adam(critic.parameters(), 4e-3)
    faces = pictures(0)
    drawn = faces + 0.1 * torch.randn_like(faces)
    gradient = torch.randn_like(faces)
    for _ in range(25):
        adverse = adversary(critic, optimiser, drawn.detach(), faces, gradient)
    assert adverse.shape == faces.shape
    assert float(adverse.norm() / gradient.norm()) == pytest.approx(0.6, rel=1e-3)
    with torch.no_grad():
        assert float(critic(faces).mean()) > float(critic(drawn).mean()) + 0.5
        # What it holds against the drawing, taken away, makes the drawing pass for more.
        assert float(critic(drawn - adverse / adverse.norm()).mean()) > float(critic(drawn).mean())
