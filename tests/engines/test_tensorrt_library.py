"""Which TensorRT is taken, what its logger keeps, and what its probe says of a machine."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from engines.tensorrt import library as library_module
from engines.tensorrt import probe as probe_module
from engines.tensorrt.compile import build_ahead
from engines.tensorrt.library import Library, listener, load_library, said
from engines.tensorrt.probe import probe
from stream_guard.errors import EngineUnavailable
from stream_guard.models.store import default_model
from tests.engines.fake_gpu import fake_tensorrt

pytestmark = pytest.mark.engine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType | Exception]:
    """The packages that are there, by name; an exception is what their import raises."""
    there: dict[str, Any] = {}

    def import_module(name: str) -> ModuleType:
        if isinstance(there[name], Exception):
            raise there[name]
        return there[name]  # type: ignore[no-any-return]

    monkeypatch.setattr(library_module, "find_spec", there.get)
    monkeypatch.setattr(library_module, "import_module", import_module)
    return there


def versioned(version: str) -> Any:
    return SimpleNamespace(__version__=version)


def test_the_one_that_is_there_is_taken(installed: dict[str, Any]) -> None:
    installed["tensorrt_rtx"] = versioned("1.7.1.116")
    found = load_library()
    assert (found.flavour, found.version, found.portable) == ("tensorrt_rtx", "1.7.1.116", True)
    assert found.title == "TensorRT-RTX 1.7.1.116"
    installed["tensorrt"] = versioned("11.4.0.106")
    found = load_library()
    assert (found.flavour, found.portable, found.title) == ("tensorrt", False, "TensorRT 11.4.0.106")
    assert load_library(["tensorrt_rtx"]).flavour == "tensorrt_rtx"


def test_one_that_does_not_load_gives_way_to_the_other(installed: dict[str, Any]) -> None:
    """The wheels of tensorrt hold no libraries: those come from an index of its maker."""
    installed["tensorrt"] = FileNotFoundError("libnvinfer.so.11: cannot open shared object file")
    with pytest.raises(EngineUnavailable, match=r"tensorrt is installed but does not load: libnvinfer\.so\.11"):
        load_library()
    installed["tensorrt_rtx"] = versioned("1.7.1.116")
    assert load_library().flavour == "tensorrt_rtx"


def test_one_that_is_too_old_says_so(installed: dict[str, Any]) -> None:
    installed["tensorrt"] = versioned("8.6.1")
    with pytest.raises(EngineUnavailable, match=r"tensorrt 8\.6\.1 is too old: 10\.1 is needed"):
        load_library()


def test_none_says_how_to_get_it(installed: dict[str, Any]) -> None:
    with pytest.raises(EngineUnavailable, match=r"tensorrt or tensorrt_rtx is not installed: pip install"):
        load_library()


def test_the_logger_keeps_errors_and_notes_where_wanted() -> None:
    library = Library(fake_tensorrt({}, lambda: None), "tensorrt_rtx", "1.7")  # type: ignore[arg-type, return-value]
    for keep, notes in ((False, []), (True, ["a note"])):
        ears = listener(library, keep_notes=keep)
        assert said(ears, "nothing") == "nothing"
        for severity, message in ((4, "a note"), (3, "information"), (2, "a warning")):
            ears.log(severity, message)
        ears.log(1, "Error Code 4: API Usage Error (no output. In validate at /_src/network.cpp:3810)\nmore")
        for number in range(30):
            ears.log(0, f"follows from it {number}")
        assert ears.notes == notes
        assert said(ears, "nothing") == "Error Code 4: API Usage Error (no output"
        assert len(ears.errors) < 12  # a failing loop must not fill the memory


class Cuda:
    """PyCUDA's driver module, as far as a probe asks it."""

    def __init__(self, capability: tuple[int, int], version: int) -> None:
        self.capability, self.version = capability, version

    def Device(self, number: int) -> Any:
        return SimpleNamespace(name=lambda: "NVIDIA Something", compute_capability=lambda: self.capability)

    def get_driver_version(self) -> int:
        return self.version


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    gpus: int = 1,
    capability: tuple[int, int] = (8, 9),
    driver: int = 13000,
    library: Library | Exception | None = None,
    cuda: Exception | None = None,
) -> None:
    def get(thing: Any) -> Any:
        if isinstance(thing, Exception):
            raise thing
        return thing

    module = fake_tensorrt({}, lambda: None)  # type: ignore[arg-type, return-value]
    found = library or Library(module, "tensorrt_rtx", "1.7.1.116", 13)
    monkeypatch.setattr(probe_module, "visible_gpus", lambda: gpus)
    monkeypatch.setattr(probe_module, "count_devices", lambda cuda: gpus)
    monkeypatch.setattr(probe_module, "load_library", lambda: get(found))
    monkeypatch.setattr(probe_module, "load_cuda", lambda: get(cuda or Cuda(capability, driver)))


def test_a_gpu_that_can_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    told = probe()
    assert told.available
    assert told.reason == "TensorRT-RTX 1.7.1.116 on NVIDIA Something"
    assert (told.device, told.preference) == ("cuda:0", 40)


@pytest.mark.parametrize(
    ("machine_is", "words"),
    [
        ({"gpus": 0}, "no NVIDIA GPU here, or no driver"),
        ({"library": EngineUnavailable("tensorrt is not installed: pip install it")}, "not installed: pip install"),
        ({"cuda": EngineUnavailable("pycuda is not installed")}, "pycuda is not installed"),
        ({"cuda": OSError("libcuda.so.1 is broken")}, "the GPU cannot be asked: libcuda"),
        ({"driver": 12080}, "driver is too old: it speaks CUDA 12.8, TensorRT-RTX 1.7.1.116 needs 13.0"),
        ({"capability": (9, 0)}, "does not know NVIDIA Something (sm90): install tensorrt in its place"),
        ({"capability": (6, 1)}, "too old for TensorRT: compute capability 7.5 is needed"),
    ],
)
def test_one_that_cannot_says_why(monkeypatch: pytest.MonkeyPatch, machine_is: dict[str, Any], words: str) -> None:
    machine(monkeypatch, **machine_is)
    told = probe()
    assert not told.available
    assert words in told.reason
    assert "\n" not in told.reason


def test_tensorrt_for_data_centres_takes_any_gpu_from_turing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    module = fake_tensorrt({}, lambda: None, rtx=False)  # type: ignore[arg-type, return-value]
    machine(monkeypatch, capability=(9, 0), driver=12040, library=Library(module, "tensorrt", "10.9.0.34", 12))
    assert probe().available


def test_without_a_gpu_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "visible_gpus", lambda: 0)
    before = set(sys.modules)
    assert not probe().available
    assert not {name for name in set(sys.modules) - before if name.split(".")[0] in ("tensorrt", "tensorrt_rtx")}


def test_to_build_for_the_gpu_that_is_here_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "visible_gpus", lambda: 0)
    model, manifest = default_model()
    with pytest.raises(EngineUnavailable, match="no NVIDIA GPU here"):
        build_ahead(model, manifest, target="current", precision="fp16", folder=None, progress=lambda phase: None)
