"""One GPU for one thread: what is called and in which order, and every failure in our words."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engines.cuda import driver, library
from engines.cuda.crop import BatchKind, CropKernel
from engines.cuda.device import Device
from engines.cuda.picture import Layout, Picture
from stream_guard.errors import EngineError, EngineLost, EngineUnavailable
from tests.engines.fake_pycuda import FakeCuda, FakeDriver

pytestmark = pytest.mark.engine

BROKEN = "an illegal memory access was encountered"


def install(monkeypatch: pytest.MonkeyPatch, cuda: Any) -> None:
    package: Any = ModuleType("pycuda")
    package.driver = cuda
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", cuda)
    monkeypatch.setattr(library, "find_spec", lambda name: object())
    monkeypatch.setattr(driver, "_loaded", FakeDriver(cuda))


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    install(monkeypatch, fake)
    return fake


@pytest.fixture
def device(cuda: FakeCuda) -> Iterator[Device]:
    with Device.open() as opened:
        yield opened


def test_opening_takes_the_primary_context_and_a_stream(cuda: FakeCuda, device: Device) -> None:
    made = ["cuDevicePrimaryCtxRetain", "cuCtxPushCurrent", "cuStreamCreate"]
    assert cuda.calls == ["cuInit", "cuDeviceGetCount", *made]
    assert (device.name, device.capability, device.memory_bytes) == ("Some GPU", (8, 9), 2**33)
    assert device.stream == 0x5712EA


def test_closing_frees_the_last_made_first_and_the_context_at_the_end(cuda: FakeCuda, device: Device) -> None:
    device.memory(64)
    array = device.staging((4,), np.float32)
    device.capture(lambda: None)
    device.stopwatch()
    cuda.calls.clear()
    device.close()
    released = ["cuCtxPopCurrent", "cuDevicePrimaryCtxRelease"]
    assert cuda.calls == ["cuStreamSynchronize", "cuGraphExecDestroy", "cuMemFreeHost", "cuMemFree", *released]
    device.close()
    assert cuda.calls[-2:] == released
    assert array.shape == (4,)
    with pytest.raises(EngineError, match="the GPU was closed: no allocating"):
        device.memory(64)


def test_what_goes_up_comes_down(device: Device) -> None:
    there = device.memory(1024)
    up, down = device.staging((3, 5), np.float32), device.staging((3, 5), np.float32)
    up[...] = np.arange(15).reshape(3, 5)
    device.upload(there, up)
    device.download(down, there)
    device.synchronize()
    np.testing.assert_array_equal(down, up)


def test_a_copy_that_does_not_fit_is_refused(device: Device) -> None:
    there, array = device.memory(10), device.staging((3, 5), np.float32)
    for copy in (lambda: device.upload(there, array), lambda: device.download(array, there)):
        with pytest.raises(EngineError, match="60 contiguous bytes, not into or out of 10"):
            copy()
    with pytest.raises(EngineError, match="contiguous"):
        device.upload(device.memory(100), array[:, ::2])


def test_a_graph_does_its_work_only_when_it_is_launched(cuda: FakeCuda, device: Device) -> None:
    there = device.memory(16)
    up, down = device.staging((4,), np.float32), device.staging((4,), np.float32)
    down[...] = 0

    def work() -> None:
        device.upload(there, up)
        device.download(down, there)

    graph = device.capture(work)
    for value in (1, 2):
        up[...] = value
        assert not (down == value).any()
        graph.launch()
        assert (down == value).all()
    assert cuda.calls.count("cuMemcpyHtoDAsync") == 1  # once, into the graph


def test_what_cannot_be_captured_is_told_and_ends_the_capture(cuda: FakeCuda, device: Device) -> None:
    cuda.faults["cuMemAlloc"] = "operation not permitted when stream is capturing"
    with pytest.raises(EngineError, match=r"^capturing a CUDA graph: allocating .* not permitted when") as caught:
        device.capture(lambda: setattr(device, "kept", device.memory(64)))
    assert not isinstance(caught.value, EngineLost)
    assert cuda.calls[-2:] == ["cuStreamEndCapture", "cuGraphDestroy"]
    device.synchronize()


def test_a_graph_that_cannot_be_made_is_told(cuda: FakeCuda, device: Device) -> None:
    cuda.faults["cuGraphInstantiateWithFlags"] = "out of memory"
    with pytest.raises(EngineError, match="cuGraphInstantiateWithFlags failed: out of memory"):
        device.capture(lambda: None)
    assert cuda.calls[-1] == "cuGraphDestroy"


def test_a_stopwatch_reads_the_events(device: Device) -> None:
    watch = device.stopwatch()
    watch.start()
    watch.stop()
    assert watch.elapsed_ms() == 0.25


def test_out_of_memory_is_an_error_but_not_the_end(cuda: FakeCuda, device: Device) -> None:
    cuda.faults["cuMemAlloc"] = "out of memory"
    with pytest.raises(
        EngineError, match=r"^allocating 3.0 MiB on the GPU: cuMemAlloc failed: out of memory$"
    ) as no:
        device.memory(3 * 2**20)
    assert not isinstance(no.value, EngineLost)
    cuda.faults["cuMemHostAlloc"] = "out of memory"
    with pytest.raises(EngineError, match="page-locked"):
        device.staging((4,), np.float32)
    cuda.faults.clear()
    device.memory(64)


def test_a_broken_context_is_lost_and_closing_it_is_quiet(
    cuda: FakeCuda, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    there, array = device.memory(64), device.staging((4,), np.float32)
    graph = device.capture(lambda: None)
    watch = device.stopwatch()
    cuda.sticky = BROKEN
    for broken in (
        device.synchronize,
        graph.launch,
        watch.start,
        lambda: device.upload(there, array),
        lambda: device.memory(1),
        lambda: device.capture(lambda: None),
        lambda: device.kernel(b"", "crop", "P"),
    ):
        with pytest.raises(EngineLost, match=f"^the GPU is lost while .*{BROKEN}$"):
            broken()
    cuda.calls.clear()
    device.close()
    assert cuda.calls[-2:] == ["cuCtxPopCurrent", "cuDevicePrimaryCtxRelease"]
    assert "while closing the GPU" in caplog.text


def test_another_thread_is_refused(device: Device) -> None:
    with ThreadPoolExecutor(1) as other:
        for work in (device.synchronize, device.close):
            with pytest.raises(EngineError, match="belongs to the thread"):
                other.submit(work).result()
    device.synchronize()


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (FakeCuda(version=11080), "the NVIDIA driver is too old: it speaks CUDA 11.8, 12.0 is needed"),
        (FakeCuda(gpus=0), "the NVIDIA driver shows no GPU"),
        (FakeCuda(capability=(6, 1)), "Some GPU is too old: compute capability 6.1, 7.5 is needed"),
    ],
)
def test_a_machine_that_cannot_is_told_why(monkeypatch: pytest.MonkeyPatch, fake: FakeCuda, said: str) -> None:
    install(monkeypatch, fake)
    with pytest.raises(EngineUnavailable, match=f"^{said}$"):
        Device.open()


@pytest.mark.parametrize(
    ("function", "answer", "kind", "said"),
    [
        (
            "cuInit",
            "no CUDA-capable device is detected",
            EngineUnavailable,
            "does not start: .*no CUDA-capable",
        ),
        (
            "cuDeviceGetCount",
            "initialization error",
            EngineUnavailable,
            "cannot count its devices: .*init",
        ),
        ("cuDevicePrimaryCtxRetain", "out of memory", EngineError, "opening Some GPU: .*out of memory"),
        ("cuStreamCreate", "unknown error", EngineError, "opening Some GPU: .*unknown error"),
    ],
)
def test_a_gpu_that_refuses_is_told(
    cuda: FakeCuda, function: str, answer: str, kind: type[EngineError], said: str
) -> None:
    cuda.faults[function] = answer
    with pytest.raises(kind, match=said):
        Device.open()
    if "cuCtxPushCurrent" in cuda.calls:
        assert cuda.calls[-2:] == ["cuCtxPopCurrent", "cuDevicePrimaryCtxRelease"]


def test_a_gpu_that_is_not_there_is_refused(cuda: FakeCuda) -> None:
    with pytest.raises(EngineUnavailable, match="there is no GPU 3; the driver shows 1"):
        Device.open(3)


def test_pycuda_that_is_missing_or_broken_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"pycuda is not installed: pip install 'stream-guard\[gpu\]'"):
        Device.open()
    monkeypatch.setattr(library, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "pycuda", ModuleType("pycuda"))  # without its driver
    with pytest.raises(EngineUnavailable, match=r"pycuda does not load \(.*\): is an NVIDIA driver installed"):
        Device.open()


def test_a_machine_without_driver_shows_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(driver, "_loaded", None)
    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert driver.visible_gpus() == 0
    with pytest.raises(EngineUnavailable, match=r"there is no NVIDIA driver: .*cannot open"):
        driver.begin_capture(1)


def test_the_crop_kernel_is_launched_once_a_batch(cuda: FakeCuda, device: Device) -> None:
    kernel = CropKernel(device, size=100, max_faces=3, kind=BatchKind.HALF_NCHW)
    batch = device.memory(3 * 100 * 100 * 3 * 2)
    picture = Picture(Layout.NV12, (4096, 8192), (640, 640), 640, 360)
    for face in range(2):
        kernel.put(face, picture, np.array([[[1.0, 0, -face], [0, 1, 0]]]))
    kernel.run(batch, 2)
    assert cuda.calls[-3:-1] == ["cuMemcpyHtoDAsync", "cuLaunchKernel"]
    assert cuda.calls[-1].startswith("crop(4, 13, 2)")
    with pytest.raises(EngineError, match="has no faces 3 to 3"):
        kernel.put(3, picture, np.eye(2, 3)[None])
    for wrong in (0, 4):
        with pytest.raises(EngineError, match=f"{wrong} faces do not fit"):
            kernel.run(batch, wrong)
    with pytest.raises(EngineError, match="3 faces do not fit"):
        kernel.run(device.memory(3 * 100 * 100 * 3 * 2 - 1), 3)
