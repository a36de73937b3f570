"""What an autoencoder is trained for: to draw the same face, and to pass for a photograph."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["adversary", "discriminator", "restoration"]


def restoration(drawn: torch.Tensor, faces: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Return how far what was drawn is from the faces: L1, L1 of the gradients, and DSSIM of the brightness.

    Args:
        drawn: float32, shape (n, 3, side, side), -1 to 1.
        faces: likewise.

    Returns:
        The loss, and its gradient with respect to `drawn`.
    """
    drawn.requires_grad_()
    off = drawn - faces
    edges = off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
    loss = off.abs().mean() + edges + 0.3 * (1 - _ssim(drawn.mean(1, keepdim=True), faces.mean(1, keepdim=True)))
    (gradient,) = torch.autograd.grad(loss, drawn)
    return float(loss.detach()), gradient


def _ssim(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the mean structural similarity of values from -1 to 1 (Wang et al. 2004), in 7 x 7 windows."""
    maps = torch.cat([one, other, one * one, other * other, one * other], 1)
    m1, m2, s11, s22, s12 = functional.avg_pool2d(maps, 7, 3).unbind(1)
    c1, c2 = 0.02**2, 0.06**2
    contrast = (2 * (s12 - m1 * m2) + c2) / (s11 - m1 * m1 + s22 - m2 * m2 + c2)
    return (contrast * (2 * m1 * m2 + c1) / (m1 * m1 + m2 * m2 + c1)).mean()


def discriminator() -> nn.Module:
    """Return a small PatchGAN discriminator (Isola et al. 2017)."""
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 96)):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(96, 1, 3, 1, 1))


def adversary(
    critic: nn.Module,
    optimiser: torch.optim.Optimizer,
    drawn: torch.Tensor,
    faces: torch.Tensor,
    gradient: torch.Tensor,
) -> torch.Tensor:
    """Train the discriminator one step (hinge loss), and say what it holds against what was drawn.

    Args:
        critic: the `discriminator`.
        optimiser: of its weights.
        drawn: float32, shape (n, 3, side, side), -1 to 1.
        faces: likewise.
        gradient: from `restoration`; its norm sets the adversarial gradient's, as in Esser et al., "Taming
            Transformers", CVPR 2021.

    Returns:
        The adversarial loss's gradient with respect to `drawn`.
    """
    drawn.requires_grad_()
    with torch.autocast(drawn.device.type, torch.bfloat16):
        on_drawn, on_faces = critic(drawn), critic(faces)
    (adverse,) = torch.autograd.grad(-on_drawn.float().mean(), drawn, retain_graph=True)
    loss = functional.relu(1 + on_drawn.float()).mean() + functional.relu(1 - on_faces.float()).mean()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    weighed: torch.Tensor = 0.6 * gradient.norm() / adverse.norm().clamp(min=1e-12) * adverse
    return weighed
