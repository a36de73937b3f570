"""The kernel's memory accesses, checked on the host by the compiler's sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.host_crop import build

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="the sanitizer is loaded the way Linux loads it"),
]

CHECKS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", "-g")

PROGRAM = """
import sys
import numpy as np
from engines.cuda.crop import BatchKind
from engines.cuda.picture import Layout
from tests.engines.host_crop import HostCrop, picture_of

crop, lie = HostCrop(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(0)
for width, height in ((1, 1), (2, 3), (97, 65), (64, 48)):
    half = ((height + 1) // 2, (width + 1) // 2)
    chroma = [random.integers(0, 256, half, np.uint8) for _ in range(2)]
    luma = random.integers(0, 256, (height, width), np.uint8)
    pairs = random.integers(0, 256, (half[0], 2 * half[1]), np.uint8)
    rgb = random.integers(0, 256, (height, 3 * width), np.uint8)
    for layout, planes in (
        (Layout.RGB, [rgb]), (Layout.I420, [luma, *chroma]), (Layout.NV12, [luma, pairs])
    ):
        picture = picture_of(layout, planes, width, height + lie)
        for scale, x, y in ((1, 0, 0), (0.3, 5, 5), (3.7, -40, -9), (1, 1e30, -1e30), (1e-1, 3e9, 2)):
            matrix = np.array([[scale, 0.01, x], [-0.01, scale, y]])
            for kind in BatchKind:
                crop([(picture, matrix)] * 2, size=9, kind=kind)
print("clean")
"""


def run(library: Path, lie: int) -> subprocess.CompletedProcess[str]:
    """Run the kernel over many shapes; ``lie`` rows more are claimed than there are."""
    found = [
        subprocess.run(
            ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    # NumPy's own allocator keeps its blocks; leaks at the interpreter's end are not the kernel's.
    settings = {"LD_PRELOAD": " ".join(found), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, "-c", PROGRAM, str(library), str(lie)]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("checked") / "crop.so", "-shared", "-fPIC", *CHECKS)


@pytest.mark.timeout(120)
def test_it_stays_inside_its_pictures(library: Path) -> None:
    done = run(library, lie=0)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "clean"


@pytest.mark.timeout(120)
def test_the_checker_would_tell(library: Path) -> None:
    done = run(library, lie=1)
    assert done.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in done.stderr
