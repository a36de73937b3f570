"""Write a fixed set of training samples, so that networks can be compared on the very same ones.

    python -m benchmarks.accuracy.samples --shard RUN/faces --reconstructions RUN/reconstructions --out DIR

Training proper makes every sample anew; a fixed set is for `benchmarks.accuracy.compare_peers`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from rich.progress import track
from torch.utils.data import DataLoader

from stream_guard.training.dataset import Recipe, Twins, join
from stream_guard.training.shard import Shard

__all__ = ["main", "write_samples"]

_ARRAYS = ("faces", "labels", "masks", "kinds", "positions")


def write_samples(folder: Path, twins: Twins, count: int, *, workers: int = 2) -> Iterator[int]:
    """Write this many samples, real and forged in turn, an array a file; yield how many a group gave."""
    folder.mkdir(parents=True, exist_ok=True)
    loader = DataLoader(
        twins,
        batch_size=1,
        collate_fn=join,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    files: dict[str, np.memmap] = {}
    written = 0
    for group in loader:
        arrays = {name: getattr(group, name).numpy() for name in _ARRAYS}
        if not files:
            files = {
                name: open_memmap(folder / f"{name}.npy", "w+", array.dtype, (count, *array.shape[1:]))
                for name, array in arrays.items()
            }
        taken = min(len(arrays["labels"]), count - written)
        for name, array in arrays.items():
            files[name][written : written + taken] = array[:taken]
        written += taken
        yield taken
        if written == count:
            break
    for file in files.values():
        file.flush()


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shard", type=Path, required=True, help="folder of prepared faces")
    parser.add_argument("--reconstructions", type=Path, required=True, help="folder of the same faces drawn anew")
    parser.add_argument("--out", type=Path, required=True, help="folder for the samples")
    parser.add_argument("--count", type=int, default=12_000, help="an even number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="of the people held out of training")
    order = parser.parse_args()
    kept, held_out = Shard(order.shard).split()
    positions = held_out if order.held_out else kept
    twins = Twins(order.shard, positions, Recipe(), seed=order.seed, reconstructions=order.reconstructions)
    groups = write_samples(order.out, twins, order.count)
    for _ in track(groups, "samples", total=-(-order.count // (2 * Recipe().faces))):
        pass


if __name__ == "__main__":
    main()
