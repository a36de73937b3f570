"""The PyTorch engine: the contract on the CPU, networks as training exports them, half precision, the probe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from engines.onnxruntime import OnnxRuntimeEngine
from engines.torch import TorchEngine
from engines.torch import probe as torch_probe
from engines.torch.network import read_network
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import Engine, EngineOptions, Prediction, Probe
from stream_guard.models.manifest import Manifest
from stream_guard.testing.engine_contract import MAX_BATCH, EngineContract, faces
from stream_guard.testing.engines import make_manifest, make_model

pytestmark = pytest.mark.engine

SHIPPED = Path(__file__).parents[2] / "stream_guard" / "models" / "default.onnx"
needs_shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="no model is shipped in this tree")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class TestTorch(EngineContract):
    engine = TorchEngine


@needs_shipped
class TestTorchWithTheShippedModel(EngineContract):
    engine = TorchEngine
    other: ClassVar[type[Engine]] = OnnxRuntimeEngine

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> tuple[Path, Manifest]:
        return SHIPPED, Manifest.read(SHIPPED.with_suffix(".json"))

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, model: tuple[Path, Manifest]) -> Prediction:
        return answers(cls.other(), model, faces(MAX_BATCH, model[1].size))


def answers(engine: Engine, model: tuple[Path, Manifest], batch: NDArray[np.uint8]) -> Prediction:
    engine.load(*model, EngineOptions(threads=1, max_batch=len(batch)))
    answer = engine.infer(batch)
    engine.close()
    return answer


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("head", ["contrast", "hybrid"])  # the shipped model has the third
def test_runs_what_training_exports(head: Any, tmp_path: Path) -> None:
    from stream_guard.training.export import export
    from stream_guard.training.network import Detector, NetworkOptions

    torch.manual_seed(0)
    detector = Detector(NetworkOptions(head=head)).eval()
    for parameter in detector.parameters():  # some layers begin at nought, and would hide their mistakes
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    path = tmp_path / "untrained.onnx"
    export(detector, path, size=64)
    model = path, make_manifest(size=64, patch_grid=4)
    batch = faces(3, 64)
    ours, wanted = (answers(engine(), model, batch) for engine in (TorchEngine, OnnxRuntimeEngine))
    np.testing.assert_allclose(ours.logits, wanted.logits, rtol=0, atol=1e-4)
    assert ours.patches is not None
    assert wanted.patches is not None
    np.testing.assert_allclose(ours.patches, wanted.patches, rtol=0, atol=1e-4)


@needs_shipped
def test_half_precision_stays_close_and_keeps_the_pictures_arithmetic_exact() -> None:
    """The arithmetic of the CUDA path, on the CPU. The tolerance is explained in docs/cuda.md."""
    manifest = Manifest.read(SHIPPED.with_suffix(".json"))
    exact, half = read_network(SHIPPED), read_network(SHIPPED)
    exact.place("cpu")
    half.place("cpu", half=True)
    batch = {"faces": torch.from_numpy(faces(2, manifest.size))}
    with torch.inference_mode():
        one, other = exact(batch, ["logits"])[0], half(batch, ["logits"])[0]
    assert other.dtype == torch.float32
    assert 0 < (one - other).abs().max() < 0.03
    convolutions = [step for step in half._steps if step.kind == "Conv"]
    assert [step.half for step in convolutions] == [False] + [True] * (len(convolutions) - 1)
    assert convolutions[0].attributes["group"] == 3  # the blur that the residual is made with


def test_an_unknown_operator_is_refused_by_name(tmp_path: Path) -> None:
    path, manifest = make_model(tmp_path)
    model = onnx.load(str(path))
    model.graph.node.insert(0, onnx.helper.make_node("Hardmax", ["faces"], ["nowhere"]))
    onnx.save(model, str(path))
    with pytest.raises(EngineError, match=r"untrained.onnx: it has no Hardmax$"):
        TorchEngine().load(path, manifest, EngineOptions())


def test_an_opset_of_other_meaning_is_refused(tmp_path: Path) -> None:
    path, manifest = make_model(tmp_path)
    model = onnx.load(str(path))
    model.opset_import[0].version = 11
    onnx.save(model, str(path))
    with pytest.raises(EngineError, match="opset 11, not 13 to 18"):
        TorchEngine().load(path, manifest, EngineOptions())


def test_values_are_let_go_once_nobody_reads_them(tmp_path: Path) -> None:
    network = read_network(make_model(tmp_path)[0])
    names = [name for step in network._steps for name in step.done]
    assert len(names) == len(set(names)) == len(network._steps) - len(network.outputs) + 1  # the input goes too


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_precision_that_is_not_offered_is_refused(precision: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=rf"torch offers fp32, fp16 for .* here, not {precision}$"):
        TorchEngine().load(*make_model(tmp_path), EngineOptions(precision=precision))


@needs_shipped
def test_float16_on_the_cpu_is_taken_only_when_asked_for() -> None:
    model = SHIPPED, Manifest.read(SHIPPED.with_suffix(".json"))
    batch = faces(1, model[1].size)
    exact = answers(OnnxRuntimeEngine(), model, batch).logits
    for precision, least, most in (("auto", 0, 1e-4), ("fp16", 1e-4, 0.03)):
        engine = TorchEngine()
        engine.load(*model, EngineOptions(threads=1, max_batch=1, precision=precision))  # type: ignore[arg-type]
        assert least <= np.abs(engine.infer(batch).logits - exact).max() <= most
        engine.close()


def test_auto_takes_any_other_engine_first() -> None:
    probe = TorchEngine.probe()
    assert probe.preference < OnnxRuntimeEngine.probe().preference or probe.device != "cpu"


@pytest.mark.parametrize(
    ("gpus", "changes", "wanted"),
    [
        (0, {}, ("cpu", 1, "the driver shows no NVIDIA GPU")),
        (1, {"cuda": None}, ("cpu", 1, "built without CUDA")),
        (1, {"cuda": "12.8", "available": False}, ("cpu", 1, "is the NVIDIA driver too old?")),
        (1, {"cuda": "12.8", "available": True, "capability": (6, 1)}, ("cpu", 1, "6.1, 7.0 is needed")),
        (1, {"cuda": "12.8", "available": True, "capability": (8, 9)}, ("cuda:0", 30, "on Some GPU")),
    ],
)
def test_the_probe_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, gpus: int, changes: dict[str, Any], wanted: tuple[str, int, str]
) -> None:
    monkeypatch.setattr(torch_probe, "visible_gpus", lambda: gpus)
    monkeypatch.setattr(torch.version, "cuda", changes.get("cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: changes.get("available"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: changes.get("capability"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    probe = TorchEngine.probe()
    assert (probe.available, probe.device, probe.preference) == (True, *wanted[:2])
    assert wanted[2] in probe.reason


@pytest.mark.parametrize("package", ["torch", "onnx"])
def test_a_missing_package_is_a_reason(monkeypatch: pytest.MonkeyPatch, package: str, tmp_path: Path) -> None:
    monkeypatch.setattr(torch_probe, "find_spec", lambda name: None if name == package else object())
    assert TorchEngine.probe() == Probe(False, f"{package} is not installed: pip install 'stream-guard[torch]'")
    with pytest.raises(EngineUnavailable, match=f"{package} is not installed"):
        TorchEngine().load(*make_model(tmp_path), EngineOptions())


def test_asking_does_not_import_pytorch_where_there_is_no_gpu() -> None:
    program = (
        "import sys\n"
        "import engines.torch.probe as module\n"
        "from engines.torch import TorchEngine\n"
        "module.visible_gpus = lambda: 0\n"
        "print(TorchEngine.probe().available, 'torch' in sys.modules, 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "False", "False"]


def test_an_installation_that_is_broken_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "engines.torch.network", None)  # as where PyTorch's libraries do not load
    with pytest.raises(EngineUnavailable, match=r"^torch does not load: "):
        TorchEngine().load(*make_model(tmp_path), EngineOptions())
