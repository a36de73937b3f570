"""What other programs import, and what it costs them."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import stream_guard
from stream_guard import errors

pytestmark = pytest.mark.unit

_PROGRAMS = {"stream_guard.faces.mesh_process"}


def _modules() -> list[str]:
    return [
        module.name
        for module in pkgutil.walk_packages(stream_guard.__path__, "stream_guard.")
        if "training" not in module.name and module.name not in _PROGRAMS
    ]


@pytest.mark.parametrize("name", stream_guard.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(stream_guard, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        stream_guard.nonsense  # noqa: B018


@pytest.mark.parametrize("name", _modules())
def test_what_a_module_promises_exists(name: str) -> None:
    module = importlib.import_module(name)
    if hasattr(module, "__path__") and not hasattr(module, "__all__"):
        return  # a package that is only a room
    for public in module.__all__:
        assert hasattr(module, public), f"{name}.{public}"


@pytest.mark.parametrize("program", ["import stream_guard", "from stream_guard.cli import main"])
def test_importing_costs_nothing(program: str) -> None:
    heavy = "{'av', 'aiortc', 'cv2', 'mediapipe', 'numpy', 'onnxruntime', 'openvino', 'torch', 'pydantic'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(sorted({heavy} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_tree_of_errors_names_them_all() -> None:
    def below(kind: type[Exception]) -> set[str]:
        # Engines, which other tests may have imported, have errors of their own.
        children = [child for child in kind.__subclasses__() if child.__module__.startswith("stream_guard.")]
        return {kind.__name__}.union(*(below(child) for child in children))

    for name in _modules():
        importlib.import_module(name)
    told = errors.__doc__ or ""
    ours = {kind for kind in below(errors.StreamGuardError) if not kind.startswith("_")}
    assert {kind for kind in ours if f" {kind} " not in told and f" {kind}\n" not in told} == set()
