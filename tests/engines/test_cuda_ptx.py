"""The compiled kernel that ships belongs to its source, and every supported GPU generation takes it."""

from __future__ import annotations

import locale
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engines.cuda import compile as compiler
from engines.cuda.library import MIN_CAPABILITY, MIN_DRIVER

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA's compilers for tests are installed on Linux only"),
]


@pytest.fixture(scope="module")
def assembler() -> Path:
    """The program ptxas, from NVIDIA's wheel."""
    found = find_spec("nvidia.cuda_nvcc")
    assert found is not None
    (folder,) = found.submodule_search_locations or []
    return Path(folder) / "bin" / "ptxas"


def test_what_ships_was_made_of_these_sources() -> None:
    before = locale.getencoding()
    assert compiler.PTX.read_text() == compiler.compile_kernel()
    assert locale.getencoding() == before, "the compiler sets the thread's locale"


def test_the_digest_tells_a_change_of_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in compiler._SOURCES:
        (tmp_path / name).write_bytes((compiler._HERE / name).read_bytes())
    monkeypatch.setattr(compiler, "_HERE", tmp_path)
    assert compiler.source_digest() in compiler.PTX.read_text().splitlines()[0]
    with (tmp_path / "crop.h").open("a") as header:
        header.write("\n")
    assert compiler.source_digest() not in compiler.PTX.read_text()


def test_a_mistake_in_the_source_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "crop.h").write_bytes((compiler._HERE / "crop.h").read_bytes())
    (tmp_path / "crop.cu").write_text('#include "crop.h"\n__global__ void broken() { nothing(); }\n')
    monkeypatch.setattr(compiler, "_HERE", tmp_path)
    with pytest.raises(ValueError, match='identifier "nothing" is undefined'):
        compiler.compile_kernel()


def test_the_oldest_driver_that_is_let_in_reads_it() -> None:
    """PTX ISA 8.0 came with CUDA 12.0 (PTX ISA manual, "Release Notes")."""
    text = compiler.PTX.read_text()
    assert MIN_DRIVER == (12, 0)
    assert re.findall(r"^\.version (.*)$", text, re.MULTILINE) == ["8.0"]
    assert re.findall(r"^\.target (.*)$", text, re.MULTILINE) == ["sm_{}{}".format(*MIN_CAPABILITY)]


@pytest.mark.parametrize("target", ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"])
def test_it_assembles_without_spilling_registers(assembler: Path, target: str, tmp_path: Path) -> None:
    command = [
        str(assembler),
        f"--gpu-name={target}",
        "--verbose",
        str(compiler.PTX),
        "-o",
        str(tmp_path / "crop.cubin"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in done.stderr
    registers = int(re.findall(r"Used (\d+) registers", done.stderr)[0])
    assert registers <= 84, "with more, fewer than three blocks run on a multiprocessor at once"
