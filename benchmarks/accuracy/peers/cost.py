"""What a network costs: parameters, multiply-adds, and its time on this machine as a multiple of another's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "costs"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one face costs.

    Attributes:
        parameters: of the network.
        gmacs: billions of multiply-adds in convolutions, matrix products and attention.
        milliseconds: median on this machine's CPU, float32, one face at a time, PyTorch without an engine.
        times_ours: the median over rounds of its time divided by the first network's in the same round, which
            a busy machine disturbs far less than it does the milliseconds.
    """

    parameters: int
    gmacs: float
    milliseconds: float
    times_ours: float


def costs(networks: Mapping[str, tuple[nn.Module, int]], *, rounds: int = 15) -> dict[str, Cost]:
    """Measure networks in turn, round after round.

    Args:
        networks: by name, each with the side of its input in pixels; all are compared with the first.
        rounds: how often each is timed, after one that is not.
    """
    faces = {name: torch.zeros(1, size, size, 3, dtype=torch.uint8) for name, (_, size) in networks.items()}
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    gmacs = {}
    for name, (network, _) in networks.items():
        network.eval()
        # Not in inference mode: there PyTorch fuses a transformer's layers into one that the counter does not know.
        with FlopCounterMode(display=False) as counter:
            network(faces[name])
        gmacs[name] = counter.get_total_flops() / 2e9  # it counts multiplications and additions
    with torch.inference_mode():
        for _ in range(rounds):
            for name, (network, _) in networks.items():
                started = time.perf_counter()
                network(faces[name])
                seconds[name].append(time.perf_counter() - started)
    first = np.array(next(iter(seconds.values())))
    return {
        name: Cost(
            sum(parameter.numel() for parameter in network.parameters()),
            gmacs[name],
            float(np.median(seconds[name])) * 1e3,
            float(np.median(np.array(seconds[name]) / first)),
        )
        for name, (network, _) in networks.items()
    }
