"""Reconstruction fakes: every face drawn anew by autoencoders, stored, and pasted back as a live swap is.

Live swap tools (DeepFaceLive, after Perov et al. 2020, arXiv:2005.05535; inswapper) draw a face with a small
decoder, match its colour, often sharpen it and paste it through a soft mask. Here the decoder draws the same
person: the traces are those of a swap, and nobody is impersonated.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, MutableSequence, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.faces.align import cut
from stream_guard.training.autoencoder import Autoencoder, Spec, face_matrix, train_autoencoder
from stream_guard.training.shard import Shard

__all__ = ["SPECS", "Reconstructions", "prepare_reconstructions", "reconstruct_all"]

SPECS = (
    Spec(96, 8, 12, 24, "pixel_shuffle", margin=1.15),
    Spec(128, 8, 16, 24, "pixel_shuffle", margin=1.2, adversarial=0.4),
    Spec(128, 8, 16, 16, "transposed", margin=1.3),
    Spec(160, 8, 20, 16, "bilinear", margin=1.2, adversarial=0.3),
    Spec(192, 8, 24, 16, "nearest", margin=1.25),
    Spec(224, 8, 24, 16, "pixel_shuffle", margin=1.2, adversarial=0.3),
)
"""The decoders a detector learns from: the resolutions of the tools in use, soft ones and refined ones."""

_INDEX = "index.npz"


class Reconstructions:
    """Reads what `reconstruct_all` wrote. The pixels are mapped, not read: opening costs nothing."""

    def __init__(self, folder: Path) -> None:
        """Open a folder of stored faces.

        Raises:
            ConfigError: the folder holds no finished set.
        """
        try:
            with np.load(folder / _INDEX) as index:
                self._matrices, sizes = index["matrices"], index["sizes"]
                self.digest = str(index["shard"])
            self._pixels = [
                np.memmap(_pixels(folder, kind), np.uint8, "r", shape=(self._matrices.shape[1], size, size, 3))
                for kind, size in enumerate(sizes.tolist())
            ]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{folder} holds no finished reconstructions: prepare them again") from error

    @staticmethod
    def exists(folder: Path) -> bool:
        """Say whether the folder holds a finished set."""
        return (folder / _INDEX).is_file()

    @property
    def kinds(self) -> int:
        """How many autoencoders drew each face."""
        return len(self._pixels)

    def __len__(self) -> int:
        return int(self._matrices.shape[1])

    def drawn(self, position: int, kind: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return a face of the shard as one autoencoder drew it.

        Args:
            position: in the shard.
            kind: which autoencoder, from 0.

        Returns:
            uint8, shape (size, size, 3), RGB; and float64, shape (2, 3): maps pixels of the shard's picture to
            pixels of what was drawn.
        """
        return np.asarray(self._pixels[kind][position]), self._matrices[kind, position]


def prepare_reconstructions(
    shard: Path,
    out: Path,
    *,
    minutes: float,
    seed: int,
    specs: Sequence[Spec] = SPECS,
    workers: int = 2,
    progress: Callable[[float], None] = lambda share: None,
) -> Reconstructions:
    """Train the autoencoders, draw every face with each and store the results.

    On the CPU each worker is a process with one thread, the cheapest way to train networks so small; on CUDA
    they take turns in this process.

    Args:
        shard: folder of prepared faces.
        out: where the faces go, about 500 kB for each of the shard, and the autoencoders' weights.
        minutes: wall-clock minutes for the training of all; drawing takes about a second more for each 50 faces.
        seed: of the training.
        specs: which autoencoders.
        workers: processes, on the CPU.
        progress: is told the share that is done.

    Raises:
        ConfigError: the shard is unusable, or has no one to train on.
    """
    faces = Shard(shard)
    if not faces.split()[0]:
        raise ConfigError(f"no faces are left for training in {shard}: more people are needed")
    out.mkdir(parents=True, exist_ok=True)
    (out / _INDEX).unlink(missing_ok=True)
    if torch.cuda.is_available():
        workers = 1
    each = minutes * min(workers, len(specs)) / len(specs)
    jobs = [_Job(shard, out, kind, spec, each, seed + kind) for kind, spec in enumerate(specs)]
    if workers == 1:
        for job in jobs:
            _train_and_draw(job, _part(progress, job.kind, len(jobs)))
    else:
        _in_parallel(jobs, workers, progress)
    _finish(faces, out, specs)
    return Reconstructions(out)


def reconstruct_all(
    shard: Shard,
    out: Path,
    networks: Sequence[tuple[Spec, Autoencoder]],
    progress: Callable[[float], None] = lambda share: None,
) -> Reconstructions:
    """Draw every face of a shard, held out or not, with trained autoencoders, and store the results."""
    out.mkdir(parents=True, exist_ok=True)
    (out / _INDEX).unlink(missing_ok=True)
    for kind, (spec, network) in enumerate(networks):
        _draw(shard, out, kind, spec, network, _part(progress, kind, len(networks)))
    _finish(shard, out, [spec for spec, _ in networks])
    return Reconstructions(out)


def _pixels(folder: Path, kind: int) -> Path:
    return folder / f"drawn{kind}.bin"


def _draw(
    shard: Shard, out: Path, kind: int, spec: Spec, network: Autoencoder, progress: Callable[[float], None]
) -> None:
    size = spec.resolution
    stored = np.memmap(_pixels(out, kind), np.uint8, "w+", shape=(len(shard), size, size, 3))
    for first in range(0, len(shard), 16):
        faces = [shard[i] for i in range(first, min(first + 16, len(shard)))]
        squares = np.stack([cut(face.rgb, face_matrix(face.landmarks, spec), size=size) for face in faces])
        stored[first : first + len(faces)] = network.draw(squares)
        progress((first + len(faces)) / len(shard))
    stored.flush()


def _finish(shard: Shard, out: Path, specs: Sequence[Spec]) -> None:
    matrices = [[face_matrix(shard[i].landmarks, spec) for i in range(len(shard))] for spec in specs]
    np.savez(
        out / _INDEX,
        matrices=np.array(matrices, np.float64).reshape(len(specs), len(shard), 2, 3),
        sizes=np.array([spec.resolution for spec in specs]),
        shard=shard.digest(),
    )


@dataclass(frozen=True, slots=True)
class _Job:
    shard: Path
    out: Path
    kind: int
    spec: Spec
    minutes: float
    seed: int


def _train_and_draw(job: _Job, progress: Callable[[float], None]) -> None:
    shard, drawing = Shard(job.shard), 0.3
    network = train_autoencoder(
        shard,
        job.spec,
        job.minutes,
        seed=job.seed,
        progress=lambda share, loss: progress((1 - drawing) * share),
    )
    torch.save(network.state_dict(), job.out / f"autoencoder{job.kind}.pt")
    _draw(shard, job.out, job.kind, job.spec, network, lambda share: progress(1 - drawing * (1 - share)))


def _part(progress: Callable[[float], None], number: int, of: int) -> Callable[[float], None]:
    return lambda share: progress((number + share) / of)


def _in_parallel(jobs: Sequence[_Job], workers: int, progress: Callable[[float], None]) -> None:
    # Spawned: forked workers would inherit the locks of threads that torch and OpenCV have already started.
    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", len(jobs), lock=False)
    with ProcessPoolExecutor(workers, context, _start, (shares,)) as pool:
        waiting = {pool.submit(_work, job) for job in jobs}
        try:
            while waiting:
                finished, waiting = wait(waiting, timeout=1.0, return_when=FIRST_EXCEPTION)
                for future in finished:
                    future.result()
                progress(sum(shares) / len(jobs))
        finally:
            # Where one fails, those that wait are not begun.
            pool.shutdown(wait=False, cancel_futures=True)


_shares: MutableSequence[float] = []
"""In a worker: the progress of each job, shared with the process that waits."""


def _start(shares: MutableSequence[float]) -> None:
    global _shares
    _shares = shares
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _work(job: _Job) -> None:
    def note(share: float) -> None:
        _shares[job.kind] = share

    _train_and_draw(job, note)
