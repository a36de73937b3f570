"""Small autoencoders that draw a face anew, as the decoders of live swap tools do.

The decoders follow what such tools use: convolution and pixel shuffle (DeepFaceLab, Perov et al. 2020,
arXiv:2005.05535), transposed convolution, or enlarging followed by convolution. There is no dense bottleneck:
latents that keep their place keep the person after minutes of training, and it is the decoder's traces that count.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.training.blending import recolour
from stream_guard.training.restoration import adversary, discriminator, restoration
from stream_guard.training.shard import PreparedFace, Shard

__all__ = ["Autoencoder", "Spec", "face_matrix", "train_autoencoder"]

_EYES = (33, 263)  # MediaPipe Face Mesh: the outer corners


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind of autoencoder.

    Attributes:
        resolution: side of the drawn face in pixels, a multiple of `stride`.
        stride: side in pixels of what one latent stands for; a power of two, 4 or more.
        latents: channels of the bottleneck.
        width: channels at half the resolution; they double with each halving, up to four times.
        decoder: how it enlarges.
        margin: the drawn square's side over the landmark box's longer side.
        adversarial: share of the training, at its end, that is refined against a discriminator.
    """

    resolution: int
    stride: int
    latents: int
    width: int
    decoder: Literal["pixel_shuffle", "transposed", "nearest", "bilinear"]
    margin: float = 1.2
    adversarial: float = 0.0


class Autoencoder(nn.Module):
    """Draws a face anew: float, shape (n, 3, resolution, resolution), -1 to 1, to the same."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        levels = int(math.log2(spec.stride))
        widths = [spec.width * min(2**level, 4) for level in range(levels)]
        down: list[nn.Module] = []
        for before, after in zip([3, *widths], widths, strict=False):
            down += [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(0.1)]
        self.encoder = nn.Sequential(*down, _Residual(widths[-1]), nn.Conv2d(widths[-1], spec.latents, 1))
        up: list[nn.Module] = [nn.Conv2d(spec.latents, widths[-1], 3, 1, 1), nn.LeakyReLU(0.1)]
        for before, after in zip(widths[::-1], widths[-2::-1], strict=False):
            up += [_Residual(before), _enlarge(before, after, spec.decoder), nn.LeakyReLU(0.1)]
        self.decoder = nn.Sequential(*up, _Residual(spec.width), _enlarge(spec.width, 3, spec.decoder))

        self._stride = spec.stride
        convolutions = [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        for layer in convolutions:
            nn.init.kaiming_normal_(layer.weight, 0.1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        with torch.no_grad():
            convolutions[-1].weight *= 0.1

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Return the faces drawn anew. The result is not clipped."""
        # The mean colour under each latent passes as it is: the training is spent on what is finer.
        colours = functional.avg_pool2d(faces, self._stride)
        smooth = functional.interpolate(colours, scale_factor=float(self._stride), mode="bilinear")
        drawn: torch.Tensor = smooth + self.decoder(self.encoder(faces))
        return drawn

    def draw(self, squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw squares cut by `face_matrix` anew: uint8, shape (n, resolution, resolution, 3), to the same."""
        device = next(self.parameters()).device
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            drawn = self(_tensor(squares, device)).float()
        pixels: NDArray[np.uint8] = (
            ((drawn + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        )
        return pixels


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.second(functional.leaky_relu(self.first(x), 0.1))
        return functional.leaky_relu(x + 0.5 * inner, 0.1)


def _enlarge(before: int, after: int, kind: str) -> nn.Module:
    """Double the side."""
    if kind == "pixel_shuffle":
        return nn.Sequential(nn.Conv2d(before, 4 * after, 3, 1, 1), nn.PixelShuffle(2))
    if kind == "transposed":
        return nn.ConvTranspose2d(before, after, 4, 2, 1)
    # Where the convolution narrows, as at the end, it is done in two halves, about the enlargement.
    between = max(after, before // 2)
    return nn.Sequential(
        nn.Conv2d(before, between, 3, 1, 1),
        nn.Upsample(scale_factor=2, mode=kind),
        nn.Conv2d(between, after, 3, 1, 1),
    )


def face_matrix(landmarks: NDArray[np.float32], spec: Spec) -> NDArray[np.float64]:
    """Return the affine from a picture's pixels to the drawn square, float64, shape (2, 3).

    Unlike the detector's crop the square is turned so that the eyes are level, as swap tools do.
    """
    matrix = crop_matrix(landmark_box(landmarks), size=spec.resolution, margin=spec.margin)
    across = landmarks[_EYES[1]] - landmarks[_EYES[0]]
    roll = float(np.clip(np.degrees(np.arctan2(across[1], max(across[0], 1e-3))), -40, 40))
    middle = (spec.resolution - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), roll, 1.0)
    return np.asarray(turn @ np.vstack([matrix, [0, 0, 1]]), np.float64)


def train_autoencoder(
    shard: Shard,
    spec: Spec,
    minutes: float,
    *,
    seed: int,
    steps: int | None = None,
    batch: int = 12,
    learning_rate: float = 1e-3,
    progress: Callable[[float, float], None] = lambda share, loss: None,
) -> Autoencoder:
    """Train an autoencoder on the real faces of the people who are for training.

    The loss is L1, L1 of the gradients and DSSIM; an adversarial refinement, where the spec asks for one,
    weighs the discriminator's gradient by that of the others (as in Esser et al., "Taming Transformers", 2021).

    Args:
        shard: prepared faces.
        spec: what to train.
        minutes: wall-clock minutes.
        seed: of weights, order and augmentation.
        steps: stop after so many steps instead, which makes a run repeatable.
        batch: faces a step.
        learning_rate: the highest; it falls to a twentieth as a cosine.
        progress: is told the share that is done and the running loss.

    Returns:
        The autoencoder in evaluation mode, on the device it was trained on (CUDA where there is one).
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, critic = Autoencoder(spec).to(device), discriminator().to(device)
    for module in (network, critic):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), learning_rate, betas=(0.9, 0.99), fused=True)
    critical = torch.optim.Adam(critic.parameters(), 4e-4, betas=(0.5, 0.9), fused=True)
    positions, _ = shard.split()
    started, done, share, running = time.monotonic(), 0, 0.0, float("nan")
    while share < 1:
        optimiser.param_groups[0]["lr"] = learning_rate * (0.05 + 0.475 * (1 + math.cos(math.pi * share)))
        chosen = rng.choice(positions, batch)
        faces = _tensor(np.stack([_sample(shard[int(i)], spec, rng) for i in chosen]), device)
        with torch.autocast(device.type, torch.bfloat16):
            drawn = network(faces)
        loss, gradient = restoration(drawn.detach().float(), faces)
        if share >= 1 - spec.adversarial:
            gradient = gradient + adversary(critic, critical, drawn.detach().float(), faces, gradient)
        optimiser.zero_grad()
        drawn.backward(gradient.to(drawn.dtype))
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        done += 1
        running = loss if done == 1 else 0.97 * running + 0.03 * loss
        share = done / steps if steps is not None else (time.monotonic() - started) / (60 * minutes)
        progress(min(share, 1.0), running)
    return network.eval()


def _sample(face: PreparedFace, spec: Spec, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a face with a little jitter, mirrored half the time, often recoloured, sometimes blurred."""
    matrix = face_matrix(face.landmarks, spec)
    middle = (spec.resolution - 1) / 2
    jitter = cv2.getRotationMatrix2D((middle, middle), rng.uniform(-8, 8), rng.uniform(0.92, 1.08))
    jitter[:, 2] += rng.uniform(-0.03, 0.03, 2) * spec.resolution
    matrix = jitter @ np.vstack([matrix, [0, 0, 1]])
    square = cut(face.rgb, matrix, size=spec.resolution)
    if rng.random() < 0.5:
        square = cv2.flip(square, 1)
    if rng.random() < 0.5:
        square = recolour(square.astype(np.float32), rng, strength=0.1).astype(np.uint8)
    if rng.random() < 0.15:
        square = cv2.GaussianBlur(square, (0, 0), rng.uniform(0.4, 1.2))
    return square


def _tensor(squares: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """Return uint8 (n, s, s, 3) as float (n, 3, s, s), -1 to 1, laid out channels last."""
    return torch.from_numpy(squares).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
