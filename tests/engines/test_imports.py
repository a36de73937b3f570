"""What importing an engine does, and does not: in fresh interpreters, where nothing is imported yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stream_guard.inference.registry import candidates

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]  # interpreters start slowly on a busy machine


def in_a_fresh_interpreter(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_importing_an_engine_does_not_import_its_backend(backend: str) -> None:
    assert in_a_fresh_interpreter(f"import engines.{backend}, sys; print({backend!r} in sys.modules)") == "False"


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_backend_that_is_not_installed_is_a_reason(backend: str) -> None:
    program = (
        "import sys, importlib.util\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *rest: None if name == {backend!r} else find(name, *rest)\n"
        f"from engines.{backend}.probe import probe\n"
        f"print(probe().available, probe().reason, {backend!r} in sys.modules)"
    )
    said = in_a_fresh_interpreter(program)
    assert said.startswith(f"False {backend} is not installed: pip install ")
    assert said.endswith("False")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_backend_that_does_not_load_is_a_reason(backend: str) -> None:
    program = (
        f"import engines.{backend}.probe, sys\n"
        f"module = sys.modules['engines.{backend}.probe']\n"
        "def load_library(): raise ImportError('libsomething.so: cannot open shared object file')\n"
        "module.load_library = load_library\n"
        "print(module.probe())"
    )
    said = in_a_fresh_interpreter(program)
    assert "available=False" in said
    assert "libsomething.so" in said


def test_openvino_is_imported_without_its_telemetry() -> None:
    program = (
        "import sys\n"
        "from engines.openvino import OpenVinoEngine\n"
        "assert OpenVinoEngine.probe().available\n"
        "assert 'openvino' in sys.modules\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'openvino_telemetry'])"
    )
    assert in_a_fresh_interpreter(program) == "[]"


def test_the_built_in_engines_come_in_by_entry_points() -> None:
    found = {row.name: row for row in candidates()}
    for name in ("openvino", "onnxruntime"):
        assert found[name].probe.available, found[name].probe.reason
        engine = found[name].engine
        assert engine is not None
        assert engine.name == name
