"""The training loop: seeded, resumable, scheduled by the clock, on CPU or CUDA."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ConfigDict
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from stream_guard.errors import ConfigError
from stream_guard.training.checkpoint import CHECKPOINT, begin_from, load_detector, resume, save
from stream_guard.training.dataset import Recipe, Samples, Twins, join
from stream_guard.training.network import Detector, NetworkOptions, Output
from stream_guard.training.shard import Shard

__all__ = ["Options", "Step", "descend", "keep_memory", "loss_of", "schedule", "train"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Attributes:
        minutes: wall-clock minutes in all, resumed runs counted together.
        recipe: how samples are made.
        network: what is trained.
        small_share: the first share of the time is spent at 8/11 of the size, where a step costs half.
        groups: groups of samples in a batch.
        learning_rate: the highest; it rises over the first 3 % of the time and then falls as a cosine.
        lowest_rate: share of the highest that it falls to.
        average_decay: of the running average of the weights, a step; the average is the result.
        patch_weight: weight of the patch map's loss beside the logit's.
        pair_weight: weight of the twins' loss: a forged face must score above the real one it was made from.
        workers: processes that make samples.
        seed: of weights, samples and order. Timing still decides how many steps fit in the minutes.
        save_every_s: seconds between checkpoints.
        keep_every: steps between checkpoints that are kept beside, in ``kept``: the last is not always the best;
            0 keeps none.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    minutes: float = 30.0
    recipe: Recipe = field(default_factory=Recipe)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    small_share: float = 0.4
    groups: int = 2
    learning_rate: float = 7e-4
    lowest_rate: float = 0.4
    average_decay: float = 0.99
    patch_weight: float = 0.5
    pair_weight: float = 0.5
    workers: int = 2
    seed: int = 0
    save_every_s: float = 120.0
    keep_every: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step, for a progress bar: its number, the share of the time used, running loss and accuracy."""

    number: int
    share: float
    loss: float
    accuracy: float


def train(
    shard: Path,
    out: Path,
    imagenet: Path,
    options: Options,
    *,
    reconstructions: Path | None = None,
    start: Path | None = None,
    report: Callable[[Step], None] = lambda step: None,
) -> Detector:
    """Train a detector on prepared faces, or go on where a checkpoint in ``out`` stopped.

    Args:
        shard: folder written by `preparation.prepare`.
        out: folder for the checkpoint.
        imagenet: the state dict to start from (`weights.imagenet_weights`).
        options: see `Options`.
        reconstructions: folder of the same faces drawn anew; needed where the recipe asks for them.
        start: a checkpoint of another run to begin from, instead of the ImageNet weights.
        report: is told of every step.

    Returns:
        The running average of the weights, in evaluation mode, on the CPU.

    Raises:
        ConfigError: the shard is unusable, or the checkpoint was made with another recipe.
        ModelError: `start` is no checkpoint, or of another kind of network.
    """
    positions, _ = Shard(shard).split()
    if not positions:
        raise ConfigError(f"no faces are left for training in {shard}: more people are needed")
    out.mkdir(parents=True, exist_ok=True)
    keep_memory()
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network: Any = Detector(options.network)
    network.load_imagenet(torch.load(imagenet, map_location="cpu", weights_only=True))
    if start is not None:
        begin_from(start, network)
    network.to(device, memory_format=torch.channels_last)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(options.average_decay), use_buffers=True)  # type: ignore[no-untyped-call]
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=0.02)
    number, elapsed = resume(out / CHECKPOINT, network, average, optimiser, options.recipe)
    recipe: Recipe | None = None
    batches: Iterator[Samples] = iter(())
    loss_mean, accuracy, saved = 0.7, 0.5, time.monotonic()
    started = time.monotonic() - elapsed
    kept = out / "kept"

    def keep(path: Path) -> None:
        elapsed = time.monotonic() - started
        save(path, network, average, optimiser, options.recipe, number=number, elapsed=elapsed)

    network.train()
    while (share := (time.monotonic() - started) / (60 * options.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * schedule(share, lowest=options.lowest_rate)
        if recipe != _recipe_at(share, options):
            recipe = _recipe_at(share, options)
            twins = Twins(shard, positions, recipe, seed=options.seed + number, reconstructions=reconstructions)
            batches = iter(_loader(twins, options))
        batch = next(batches)
        faces, labels, masks = batch.faces.to(device), batch.labels.to(device), batch.masks.to(device)
        loss, correct = descend(network, optimiser, faces, labels, masks, options)
        average.update_parameters(network)
        number += 1
        loss_mean, accuracy = 0.98 * loss_mean + 0.02 * loss, 0.98 * accuracy + 0.02 * correct
        report(Step(number, share, loss_mean, accuracy))
        if time.monotonic() - saved > options.save_every_s:
            keep(out / CHECKPOINT)
            saved = time.monotonic()
        if options.keep_every and number % options.keep_every == 0:
            kept.mkdir(exist_ok=True)
            keep(kept / f"step-{number:06d}.pt")
    keep(out / CHECKPOINT)
    return load_detector(out)


def keep_memory() -> None:
    """Tell glibc to keep what it has freed: fresh pages for every step's features took up to half of its time."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):  # musl has none
        trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(mmap_max, 0)


def _loader(samples: Twins, options: Options) -> DataLoader[Samples]:
    # The workers inherit it. Each makes samples alone: threads for its small matrices only get in the way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return DataLoader(
        samples,
        batch_size=options.groups,
        collate_fn=join,
        num_workers=options.workers,
        # Forked workers would inherit the locks of threads that OpenCV and torch have already started.
        multiprocessing_context="spawn" if options.workers else None,
        worker_init_fn=_one_thread,
    )


def _recipe_at(share: float, options: Options) -> Recipe:
    if share >= options.small_share:
        return options.recipe
    grid = options.recipe.grid * 8 // 11
    return replace(options.recipe, size=16 * grid, grid=grid)


def _one_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def schedule(share: float, *, lowest: float = 0.01) -> float:
    """Return the learning rate after this share of the time, as a share of the highest."""
    fallen = 0.5 * (1 - float(np.cos(np.pi * min(share, 1.0))))
    return min(1.0, 0.05 + share / 0.03) * (1 - (1 - lowest) * fallen)


def descend(
    network: Any,
    optimiser: torch.optim.Optimizer,
    faces: torch.Tensor,
    labels: torch.Tensor,
    masks: torch.Tensor,
    options: Options,
) -> tuple[float, float]:
    """Take one step; return the loss of its logits, and its accuracy. All of it lies on one device.

    Args:
        network: from faces to an `Output`.
        optimiser: of its weights.
        faces, labels, masks: as in `dataset.Samples`, real and forged twins in turn.
        options: weights of the losses.
    """
    device = faces.device
    with torch.autocast(device.type, torch.bfloat16):
        output = network(faces)
    total, loss = loss_of(output, labels, masks, options)
    optimiser.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach()), float(((output.logits > 0) == (labels > 0.5)).float().mean())


def loss_of(
    output: Output, labels: torch.Tensor, masks: torch.Tensor, options: Options
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss to descend, and the part of it that is the logits' own.

    Args:
        output: of the network, for real and forged twins in turn.
        labels: float32, shape (n,): 1 for forged.
        masks: float32, shape (n, grid, grid): how much of each patch was changed.
        options: weights of the parts.
    """
    loss = functional.binary_cross_entropy_with_logits(output.logits, labels)
    where = functional.binary_cross_entropy_with_logits(output.patches, masks.clamp(0, 1))
    # Twins share person, light and codec: what is left between their logits is the forgery.
    pairs = functional.softplus(output.logits[0::2] - output.logits[1::2]).mean()
    return loss + options.patch_weight * where + options.pair_weight * pairs, loss
