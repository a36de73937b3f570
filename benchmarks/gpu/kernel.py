"""The crop kernel on a GPU: is it right, and is one pass faster than several?

``python -m benchmarks.gpu.kernel [--check] [--json FILE]``. By PyCUDA, or where that is missing by the driver
alone; the PTX is the one that ships. Under ``compute-sanitizer`` use ``--check``: every kind of picture, no timing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.gpu.scene import HEIGHT, SIZE, WIDTH, Scene, open_device
from engines.cuda.crop import BatchKind, CropKernel, batch_bytes, packed_normal
from engines.cuda.device import Device, Memory
from engines.cuda.picture import Layout, Picture, describe
from stream_guard.errors import EngineUnavailable, StreamGuardError
from stream_guard.faces.align import cut
from stream_guard.inference import environment

__all__ = ["check", "main", "measure"]

BATCHES = (1, 4, 16)
_TYPES = {BatchKind.UINT8_NHWC: np.uint8, BatchKind.FLOAT_NCHW: np.float32, BatchKind.HALF_NCHW: np.float16}


def check(device: Device, scene: Scene) -> int:
    """Return the largest difference between the GPU's crops and the CPU's, of 255."""
    wanted, faces, worst = scene.crops().astype(np.float64), len(scene.matrices), 0.0
    for kind, dtype in _TYPES.items():
        kernel = CropKernel(device, size=SIZE, max_faces=faces, kind=kind, scale=(1, 1, 1))
        shape = (faces, SIZE, SIZE, 3) if kind is BatchKind.UINT8_NHWC else (faces, 3, SIZE, SIZE)
        here: NDArray[Any] = device.staging(shape, dtype)
        there = device.memory(here.nbytes)
        for picture in scene.pictures.values():
            kernel.put(0, picture, np.stack(scene.matrices))
            kernel.run(there, faces)
            device.download(here, there)
            device.synchronize()
            got = here if kind is BatchKind.UINT8_NHWC else here.transpose(0, 2, 3, 1)
            worst = max(worst, float(np.abs(got - wanted).max()))
    return round(worst)


def measure(device: Device, scene: Scene, *, seconds: float) -> list[dict[str, Any]]:
    """Return a row for each way and batch size: median and p99 in ms until the batch is there.

    The ways take turns, so that whatever else happens disturbs all alike.
    """
    rows = []
    for faces in BATCHES:
        ways = _ways(device, scene, faces)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        ends = time.perf_counter() + seconds
        while not all(taken.values()) or time.perf_counter() < ends:
            for name, work in ways.items():
                began = time.perf_counter()
                work()
                device.synchronize()
                taken[name].append((time.perf_counter() - began) * 1000)
        for name, times in taken.items():
            median, p99 = (round(float(value), 4) for value in np.percentile(times, [50, 99]))
            rows.append({"way": name, "batch": faces, "median_ms": median, "p99_ms": p99, "runs": len(times)})
    return rows


def _ways(device: Device, scene: Scene, faces: int) -> dict[str, Callable[[], object]]:
    """Return every way from an I420 frame in page-locked memory to a float16 batch on the GPU."""
    half, bytes_kind = BatchKind.HALF_NCHW, BatchKind.UINT8_NHWC
    batch = device.memory(batch_bytes(half, SIZE, faces))
    crops = device.memory(batch_bytes(bytes_kind, SIZE, faces))
    fused = CropKernel(device, size=SIZE, max_faces=faces, kind=half)
    cropping = CropKernel(device, size=SIZE, max_faces=faces, kind=bytes_kind)
    normalising = CropKernel(device, size=SIZE, max_faces=faces, kind=half)
    whole = device.memory(WIDTH * HEIGHT * 3)
    rgb = Picture(Layout.RGB, (whole.address,), (WIDTH * 3,), WIDTH, HEIGHT)
    matrices = np.stack(scene.matrices[:faces])
    fused.put(0, scene.pictures[Layout.I420], matrices)
    cropping.put(0, rgb, matrices)
    for face in range(faces):
        crop = crops.address + face * SIZE * SIZE * 3
        normalising.put(face, Picture(Layout.RGB, (crop,), (SIZE * 3,), SIZE, SIZE), np.eye(2, 3)[None])
    convert = _conversion(device, scene.pictures[Layout.I420], whole)
    frame, frame_there = scene.frames[Layout.I420]
    staged = device.staging((faces, SIZE, SIZE, 3), np.uint8)

    def one_pass() -> None:
        device.upload(frame_there, frame)
        fused.run(batch, faces)

    def three_passes() -> None:
        device.upload(frame_there, frame)
        convert()
        cropping.run(crops, faces)
        normalising.run(batch, faces)

    def on_the_cpu() -> None:
        for matrix, crop in zip(scene.matrices, staged, strict=False):
            cut(scene.rgb, matrix, size=SIZE, out=crop)
        device.upload(crops, staged)
        normalising.run(batch, faces)

    ways: dict[str, Callable[[], object]] = {
        "one pass, launched": one_pass,
        "three passes, launched": three_passes,
        "cut on the CPU, its conversion left out": on_the_cpu,
    }
    for work in ways.values():
        work()  # what is done for the first time cannot be captured, and should not be measured
    device.synchronize()
    ways["one pass, CUDA graph"] = device.capture(one_pass).launch
    ways["three passes, CUDA graph"] = device.capture(three_passes).launch
    return ways


def _conversion(device: Device, picture: Picture, whole: Memory) -> Callable[[], None]:
    """Return a whole frame's conversion to RGB: a "crop" as wide as the frame, cut off after the frame's rows."""
    kernel = device.kernel((files("engines.cuda") / "crop.ptx").read_bytes() + b"\0", "crop", "PPii24s")
    cuts = np.frombuffer(describe(picture, np.eye(2, 3)[None]).tobytes(), np.uint8)
    here, there = device.staging(cuts.shape, np.uint8), device.memory(cuts.nbytes)
    here[:] = cuts
    normal = packed_normal((1, 1, 1), (0, 0, 0))
    grid, block = (WIDTH // 32, HEIGHT // 8, 1), (32, 8, 1)

    def convert() -> None:
        device.upload(there, here)
        kernel.launch(grid, block, there.address, whole.address, WIDTH, int(BatchKind.UINT8_NHWC), normal)

    return convert


def main(arguments: list[str] | None = None) -> int:
    """Run it; the exit code is 1 where the kernel is wrong or fails, 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description="Check and measure the crop kernel on the first NVIDIA GPU.")
    parser.add_argument("--check", action="store_true", help="only compare with the CPU")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each batch size")
    parser.add_argument("--json", type=Path, help="write the figures, with the machine's record")
    wanted = parser.parse_args(arguments)
    console = Console()
    try:
        device, by = open_device()
        with device:
            scene = Scene(device, faces=max(BATCHES))
            worst = check(device, scene)
            console.print(f"{device.name}, by {by}: at most {worst} of 255 away from the CPU", markup=False)
            rows = [] if wanted.check else measure(device, scene, seconds=wanted.seconds)
    except EngineUnavailable as error:
        console.print(f"not measured: {error}", markup=False)
        return 2
    except StreamGuardError as error:
        console.print(f"failed: {error}", markup=False)
        return 1
    if rows:
        table = Table("way", "batch", "median ms", "p99 ms")
        for row in rows:
            table.add_row(row["way"], str(row["batch"]), f"{row['median_ms']:.3f}", f"{row['p99_ms']:.3f}")
        console.print(table)
    if wanted.json is not None:
        machine = asdict(environment.describe())
        record = {"machine": machine, "gpu": device.name, "by": by, "worst_of_255": worst, "rows": rows}
        wanted.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
