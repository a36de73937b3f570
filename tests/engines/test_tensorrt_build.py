"""TensorRT for RTX compiles the shipped model for GPUs that are not here, and what it made is looked at."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from engines.onnxruntime import OnnxRuntimeEngine
from engines.tensorrt.build import Built, build, known_targets
from engines.tensorrt.compile import key_for, plan_store
from engines.tensorrt.inspection import Inspection
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.network import Computed, computed, network
from stream_guard.cli.engines import app
from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.models.manifest import Manifest
from stream_guard.models.store import default_model
from stream_guard.testing.engine_contract import faces
from stream_guard.testing.engines import make_model

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        importlib.util.find_spec("tensorrt_rtx") is None and not os.environ.get("CI"),
        reason="tensorrt-rtx-cu13 is not installed: there is one for Linux and Windows on x86-64",
    ),
]

SIZE = 176
BUILDS: list[tuple[str, Computed]] = [
    ("sm86", "fp16"),
    ("sm89", "fp16"),
    ("sm120", "fp16"),
    ("sm75", "fp16"),
    ("sm89", "fp32"),
    ("sm120", "bf16"),
]


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library(["tensorrt_rtx"])


@pytest.fixture(scope="session")
def plans(library: Library) -> dict[tuple[str, Computed], Built]:
    """The shipped model, compiled once for all tests."""
    model, manifest = default_model()
    networks = {precision: network(model, manifest, precision) for precision in {one[1] for one in BUILDS}}
    return {
        (target, precision): build(library, networks[precision], target=target, size=SIZE)
        for target, precision in BUILDS
    }


@pytest.fixture(params=BUILDS, ids="-".join)
def built(request: pytest.FixtureRequest, plans: dict[tuple[str, Computed], Built]) -> tuple[str, Built]:
    return request.param[1], plans[request.param]


def inspected(built: Built) -> Inspection:
    assert built.inspection is not None, "the builder no longer logs what it built"
    return built.inspection


def test_it_takes_pixels_and_gives_logits_and_patches(built: tuple[str, Built]) -> None:
    tensors = {tensor.name: tensor for tensor in inspected(built[1]).tensors}
    assert {name: (tensor.mode, tensor.type, tensor.shape) for name, tensor in tensors.items()} == {
        "pixels": ("Input", "Float", (-1, 3, SIZE, SIZE)),
        "logits": ("Output", "Float", (-1,)),
        "patches": ("Output", "Float", (-1, 11, 11)),
    }
    assert tensors["pixels"].profile == tuple((faces, 3, SIZE, SIZE) for faces in (1, 4, 32))


def test_it_computes_in_what_was_asked_for(built: tuple[str, Built]) -> None:
    precision, plan = built
    narrow = {"fp16": "Half", "bf16": "BFloat16", "fp32": "Float"}[precision]
    layers = [layer for layer in inspected(plan).layers if layer.kind == "correlation"]
    layers = [layer for layer in layers if "node_Conv_219" not in layer.nodes]  # the residual's blur
    assert len(layers) >= 34
    for layer in layers:
        assert set(layer.inputs + layer.outputs) == {narrow}, layer


def test_the_residual_and_the_last_sum_are_float32(built: tuple[str, Built]) -> None:
    by_node = {node: layer for layer in inspected(built[1]).layers for node in layer.nodes}
    blur = by_node["node_Conv_219"]
    assert set(blur.inputs + blur.outputs) == {"Float"}
    assert by_node["node_mean"].outputs == ("Float",)


@pytest.mark.parametrize("target", ["sm86", "sm89", "sm120"])  # for Turing it moves data in layers of their own
def test_nodes_were_fused(plans: dict[tuple[str, Computed], Built], target: str) -> None:
    """Convolution, bias, ReLU6 and the shortcut's sum are one kernel: over 100 nodes in less than 65 layers."""
    layers = inspected(plans[target, "fp16"]).layers
    assert 50 <= len(layers) < 65
    convolutions = [layer for layer in layers if layer.kind == "correlation"]
    assert len(convolutions) == 50
    assert sum(node.startswith("node_relu6") for layer in convolutions for node in layer.nodes) == 33
    assert sum(node.startswith("node_add_") for layer in convolutions for node in layer.nodes) == 9


def test_half_precision_halves_the_plan(plans: dict[tuple[str, Computed], Built]) -> None:
    assert len(plans["sm89", "fp16"].plan) < 0.6 * len(plans["sm89", "fp32"].plan)


def test_each_gpu_gets_its_own_plan(plans: dict[tuple[str, Computed], Built]) -> None:
    half = {target: built.plan for (target, precision), built in plans.items() if precision == "fp16"}
    assert len(set(half.values())) == len(half) == 4


def quantised(folder: Path, *, symmetric: bool) -> tuple[Path, Manifest]:
    """Return the contract's model with its 1x1 convolutions and the last 3x3 one in eight bits."""
    model, manifest = make_model(folder)
    graph = onnx.load(model)
    for node in graph.graph.node:
        node.name = node.output[0]
    onnx.save(graph, str(model))
    batches = [faces(8, manifest.size)]
    out = folder / "int8.onnx"
    OnnxRuntimeEngine.quantise(model, out, batches, ["conv2", "conv3"], symmetric=symmetric)
    return out, manifest.model_copy(update={"quantised_on": "noise"})


def test_a_symmetric_int8_model_is_computed_in_int8(library: Library, tmp_path: Path) -> None:
    model, manifest = quantised(tmp_path, symmetric=True)
    assert computed("auto", manifest, "sm89") == "int8"
    made = inspected(build(library, network(model, manifest, "int8"), target="sm89", size=manifest.size))
    eight = {node for layer in made.layers if "Int8" in layer.inputs for node in layer.nodes}
    assert {"conv2", "conv3"} <= eight
    assert {tensor.type for tensor in made.tensors} == {"Float"}


def test_an_int8_model_for_cpus_is_refused_in_words(tmp_path: Path) -> None:
    model, manifest = quantised(tmp_path, symmetric=False)
    with pytest.raises(EngineError, match=r"int8\.onnx: it is quantised for CPUs; TensorRT takes int8 with zero"):
        network(model, manifest, "int8")


def test_progress_is_told_and_may_stop_the_build(library: Library) -> None:
    phases: list[str] = []

    def impatient(phase: str) -> None:
        phases.append(phase)
        if len(phases) == 3:
            raise KeyboardInterrupt

    model, manifest = default_model()
    with pytest.raises(KeyboardInterrupt):
        build(library, network(model, manifest, "fp16"), target="sm89", size=SIZE, progress=impatient)
    assert phases


def test_refusals_are_one_line(library: Library) -> None:
    model, manifest = default_model()
    content = network(model, manifest, "bf16")
    with pytest.raises(EngineUnavailable, match="cannot build for sm90; it knows sm75, "):
        build(library, content, target="sm90", size=SIZE)
    for target, size, words in (("sm75", SIZE, "HW-specific datatypes"), ("sm89", SIZE - 16, "Dimension mismatch")):
        with pytest.raises(EngineError, match=words) as caught:
            build(library, content, target=target, size=size)
        assert "\n" not in str(caught.value)
        assert "/_src/" not in str(caught.value)


def test_it_knows_the_gpus_of_its_maker(library: Library) -> None:
    assert {"sm75", "sm86", "sm89", "sm120"} <= set(known_targets(library))
    assert library.portable
    assert library.cuda_major in (12, 13)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Runtime", "deserialize_cuda_engine get_engine_validity engine_header_size"),
        ("ICudaEngine", "create_runtime_config create_execution_context device_memory_size_v2 num_io_tensors"),
        ("ICudaEngine", "get_tensor_name get_tensor_shape get_tensor_dtype get_tensor_profile_shape"),
        ("IRuntimeConfig", "create_runtime_cache set_runtime_cache set_execution_context_allocation_strategy"),
        ("IRuntimeConfig", "dynamic_shapes_kernel_specialization_strategy"),
        ("IRuntimeCache", "serialize deserialize"),
        ("IExecutionContext", "set_tensor_address set_input_shape set_device_memory execute_async_v3"),
        ("IExecutionContext", "is_stream_capturable"),
        ("ExecutionContextAllocationStrategy", "USER_MANAGED"),
        ("DynamicShapesKernelSpecializationStrategy", "EAGER"),
        ("EngineValidity", "INVALID"),
        ("BuilderFlag", "REQUIRE_USER_ALLOCATION TF32"),
        (
            "EngineInvalidityDiagnostics",
            "OLD_CUDA_DRIVER OLD_CUDA_RUNTIME INSUFFICIENT_GPU_MEMORY CUDA_ERROR UNSUPPORTED_CC",
        ),
    ],
)
def test_what_runs_on_the_gpu_calls_what_there_is(library: Library, kind: str, names: str) -> None:
    """The stand-in of the other tests has the names of the real thing."""
    for name in names.split():
        assert hasattr(getattr(library.module, kind), name), name


def test_severities_and_diagnostics_are_numbered_as_we_read_them(library: Library) -> None:
    severity = library.module.ILogger.Severity
    kinds = (severity.INTERNAL_ERROR, severity.ERROR, severity.WARNING, severity.VERBOSE)
    assert [int(kind) for kind in kinds] == [0, 1, 2, 4]
    diagnostics = library.module.EngineInvalidityDiagnostics.__members__.values()
    assert all(int(one).bit_count() == 1 for one in diagnostics)
    assert library.module.float32 == library.module.DataType.FLOAT


def test_by_command_the_plan_lies_where_the_engine_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_GUARD_CACHE", str(tmp_path))
    done = CliRunner().invoke(app, ["build", "--targets", "SM89", "--precision", "fp16"])
    assert done.exit_code == 0, done.output
    assert "fp16 for sm89, TensorRT-RTX" in done.output
    assert "51 in half" in done.output
    library, (model, _) = load_library(["tensorrt_rtx"]), default_model()
    found = plan_store().find(key_for(library, model, "fp16", capability="sm89", gpu="NVIDIA RTX 4090"))
    assert found.plan is not None
    assert found.plan.startswith(b"vtrt")


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
def test_a_build_connects_to_nobody(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (
        "from engines.tensorrt.build import build\n"
        "from engines.tensorrt.library import load_library\n"
        "from engines.tensorrt.network import network\n"
        "from stream_guard.models.store import default_model\n"
        "model, manifest = default_model()\n"
        "content = network(model, manifest, 'fp16')\n"
        "assert build(load_library(['tensorrt_rtx']), content, target='sm89', size=176).plan\n"
    )
    calls = "trace=connect,sendto,execve"
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", calls, sys.executable, "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    except FileNotFoundError:
        assert not os.environ.get("CI")
        pytest.skip("strace is not installed")
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    assert any("execve" in line for line in lines)
    assert not [line for line in lines if "AF_INET" in line or "sendto" in line]
