"""What an engine that cuts saves the CPU: its own part, against cutting the faces out there. Needs no GPU.

``python -m benchmarks.gpu.cpu_side``. The CPU's part is to copy the frame's planes into page-locked memory and to
describe the faces to the kernel. What the GPU and the bus take is another matter: ``benchmarks/gpu.sh``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from engines.cuda.picture import Layout, Picture, describe
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.testing.cutting import rgb_of
from stream_guard.testing.cutting_contract import picture

__all__ = ["main", "ratio"]

WIDTH, HEIGHT, SIZE, MARGIN = 1280, 720, 176, 1.4


def ratio(side: int, faces: int, *, rounds: int) -> float:
    """Return cutting faces out over what is left of it, the median of so many turns.

    Args:
        side: of a face in pixels.
        faces: in the frame.
        rounds: how often the two take turns.
    """
    planes = picture(WIDTH, HEIGHT)
    rgb, crop = rgb_of(planes), np.empty((SIZE, SIZE, 3), np.uint8)
    boxes = [Box(30.0 * number, 20.0 * number, side, side) for number in range(faces)]
    matrices = np.stack([crop_matrix(box, size=SIZE, margin=MARGIN) for box in boxes])
    there = Picture(Layout.I420, (0, 0, 0), tuple(plane.shape[1] for plane in planes.planes), WIDTH, HEIGHT)
    staging = np.empty(sum(plane.nbytes for plane in planes.planes), np.uint8)

    def hand_over() -> None:
        at = 0
        for plane in planes.planes:
            np.copyto(staging[at : at + plane.nbytes], plane.reshape(-1))
            at += plane.nbytes
        describe(there, matrices)

    def cut_here() -> None:
        for matrix in matrices:
            cut(rgb, matrix, size=SIZE, out=crop)

    return float(np.median([_seconds(cut_here) / _seconds(hand_over) for _ in range(rounds)]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    table = Table("faces", "of px", f"cutting them out of {WIDTH}x{HEIGHT}, over handing it over")
    for side in (100, 200):
        for faces in (1, 4, 9, 25):
            table.add_row(str(faces), str(side), f"x {ratio(side, faces, rounds=options.rounds):.1f}")
    Console().print(table)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
