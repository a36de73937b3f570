"""Trains any network on a set of samples, all by one recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benchmarks.accuracy.peers.samples import PATCH, SampleSet
from stream_guard.training.train import Options, descend, keep_memory, schedule

__all__ = ["Course", "Progress", "train_peer"]


@dataclass(frozen=True, slots=True)
class Course:
    """How long and how fast to train.

    Attributes:
        minutes: of the clock; None to count steps alone.
        steps: at most this many; None to go by the clock alone.
        pairs: real and forged twins in a batch.
        learning_rate: the highest; it rises over the first 3 % and falls to nothing as a cosine.
        small_share: the first share is spent on windows of 11/14 of the side, where a step costs 5/8.
        seed: of order, windows and dropout. The weights are drawn before.
    """

    minutes: float | None = None
    steps: int | None = None
    pairs: int = 16
    learning_rate: float = 7e-4
    small_share: float = 0.4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """After a step: how many there were, faces seen, seconds since the first, and the running loss."""

    steps: int
    faces: int
    seconds: float
    loss: float


def train_peer(
    network: nn.Module,
    samples: SampleSet,
    course: Course,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Train a network in place; leave it in evaluation mode.

    Args:
        network: from uint8 faces to a `training.network.Output`.
        samples: see `SampleSet`.
        course: how long and how fast.
        report: is told of every step.

    Returns:
        What was done in all. The loss is the running mean of the logit's binary cross-entropy.

    Raises:
        ValueError: the course has no end.
    """
    if course.minutes is None and course.steps is None:
        raise ValueError("a course needs minutes or steps")
    keep_memory()
    torch.manual_seed(course.seed)
    rng = np.random.default_rng(course.seed)
    recipe = Options()  # the weights of the losses are ours for all
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=course.learning_rate, weight_decay=0.02)
    small = samples.size * 11 // 14 // PATCH * PATCH
    batches = samples.pairs(min(course.pairs, len(samples) // 2), rng)
    done, started = Progress(0, 0, 0.0, math.log(2)), time.monotonic()
    while (share := _share(done, course)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = course.learning_rate * schedule(share)
        window = small if share < course.small_share else samples.size
        batch = samples.batch(next(batches), window, rng)
        faces, labels, masks = batch.faces.to(device), batch.labels.to(device), batch.masks.to(device)
        loss, _ = descend(network, optimiser, faces, labels, masks, recipe)
        seen, kept = done.faces + len(batch.labels), min(0.98, done.steps / (done.steps + 1))
        done = Progress(done.steps + 1, seen, time.monotonic() - started, kept * done.loss + (1 - kept) * loss)
        report(done)
    network.to("cpu").eval()
    return done


def _share(done: Progress, course: Course) -> float:
    by_clock = done.seconds / (60 * course.minutes) if course.minutes is not None else 0.0
    return max(by_clock, done.steps / course.steps if course.steps is not None else 0.0)
