"""The GPU kernel's arithmetic, built for the host, against the CPU's way: the sources' conversion, then `cut`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.cuda.crop import BatchKind, batch_bytes
from engines.cuda.picture import CUT, Layout, Picture
from stream_guard.errors import EngineError
from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.frame import Primaries
from stream_guard.sources.colour import to_rgb
from tests.engines.host_crop import HostCrop, build, picture_of

pytestmark = pytest.mark.engine

SPACES: dict[Primaries, Colorspace] = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709}
COLOURS = [(space, full) for space in SPACES for full in (False, True)]
EVEN_HEIGHTS = [(96, 64), (97, 64), (320, 180), (33, 48)]


@pytest.fixture(scope="module")
def crop(tmp_path_factory: pytest.TempPathFactory) -> HostCrop:
    return HostCrop(build(tmp_path_factory.mktemp("kernel") / "crop.so", "-shared", "-fPIC"))


def noise(seed: int, *shape: int, spare: int = 0) -> NDArray[np.uint8]:
    """Return rows of random bytes with some more bytes after each row."""
    wide = np.random.default_rng(seed).integers(0, 256, (shape[0], shape[1] + spare, *shape[2:]), dtype=np.uint8)
    return wide[:, : shape[1]]


def yuv(seed: int, width: int, height: int, *, spare: int = 0) -> tuple[NDArray[np.uint8], ...]:
    """Return random Y, U and V."""
    half = ((height + 1) // 2, (width + 1) // 2)
    return (
        noise(seed, height, width, spare=spare),
        noise(seed + 1, *half, spare=spare),
        noise(seed + 2, *half, spare=spare),
    )


def packed(planes: tuple[NDArray[np.uint8], ...]) -> tuple[NDArray[np.uint8], ...]:
    """From I420 to NV12."""
    y, u, v = planes
    return y, np.stack([u, v], axis=2).reshape(len(u), -1)


def converted(planes: tuple[NDArray[np.uint8], ...], primaries: Primaries, *, full: bool) -> NDArray[np.uint8]:
    """Return what the sources make of an I420 picture."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : values.shape[1]] = values
        plane.update(rows.tobytes())
    frame.colorspace = SPACES[primaries]
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    return to_rgb(frame, hd_is_bt709=False)


def turned(matrix: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.ascontiguousarray(turn @ matrix)


def difference(one: NDArray[Any], other: NDArray[Any]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def rgb_picture(rgb: NDArray[np.uint8]) -> Picture:
    return picture_of(Layout.RGB, [rgb], rgb.shape[1], rgb.shape[0])


def test_both_sides_mean_the_same_struct(crop: HostCrop) -> None:
    assert crop.cut_bytes == CUT.itemsize == 104


@pytest.mark.parametrize("size", [32, 63, 176])
@pytest.mark.parametrize(
    ("box", "angle"),
    [
        (Box(200, 100, 60, 80), 0.0),  # enlarged
        (Box(120, 60, 170, 190), 0.4),
        (Box(-40, -30, 150, 150), 0.0),  # over two edges
        (Box(560, 300, 200, 200), -0.7),
        (Box(20, 10, 500, 340), 0.0),  # shrunk
        (Box(20, 10, 600, 340), 0.9),
        (Box(-900, -900, 100, 100), 0.0),  # all of it outside
        (Box(-300, -400, 1200, 1200), 0.1),  # mostly outside, shrunk many times
    ],
)
def test_rgb_is_cut_as_the_cpu_cuts_it(crop: HostCrop, box: Box, angle: float, size: int) -> None:
    rgb = noise(0, 359, 641, 3)
    matrix = turned(crop_matrix(box, size=size, margin=1.4), angle)
    ours = crop([(rgb_picture(rgb), matrix)], size=size)
    assert difference(ours[0], cut(rgb, matrix, size=size)) <= 1


@pytest.mark.parametrize(("primaries", "full"), COLOURS)
@pytest.mark.parametrize(("width", "height"), EVEN_HEIGHTS)
def test_i420_has_the_colours_that_the_sources_give_it(
    crop: HostCrop, width: int, height: int, primaries: Primaries, full: bool
) -> None:
    planes = yuv(3, width, height)
    picture = picture_of(Layout.I420, planes, width, height, primaries=primaries, full_range=full)
    size = max(width, height)
    ours = crop([(picture, np.eye(2, 3))], size=size)[0, :height, :width]
    assert difference(ours, converted(planes, primaries, full=full)) <= 1


@pytest.mark.parametrize(("primaries", "full"), COLOURS)
@pytest.mark.parametrize("shrink", [0.4, 1.3, 3.7])
def test_i420_is_cut_as_the_cpu_cuts_it(crop: HostCrop, shrink: float, primaries: Primaries, full: bool) -> None:
    planes = yuv(5, 322, 182, spare=14)
    picture = picture_of(Layout.I420, planes, 322, 182, primaries=primaries, full_range=full)
    matrix = crop_matrix(Box(90, -20, 64 * shrink, 50), size=64, margin=1.4)
    ours = crop([(picture, matrix)], size=64)
    assert difference(ours[0], cut(converted(planes, primaries, full=full), matrix, size=64)) <= 1


@pytest.mark.parametrize(("width", "height"), [*EVEN_HEIGHTS, (96, 65), (1, 1), (31, 33)])
def test_nv12_is_i420_in_another_order(crop: HostCrop, width: int, height: int) -> None:
    planes = yuv(7, width, height, spare=5)
    taking_turns = packed(planes)
    matrix = crop_matrix(Box(width / 4, height / 5, width / 2, height / 2), size=48, margin=1.4)
    one = crop([(picture_of(Layout.I420, planes, width, height), matrix)], size=48)
    other = crop([(picture_of(Layout.NV12, taking_turns, width, height), matrix)], size=48)
    np.testing.assert_array_equal(one, other)


def test_an_odd_last_row_takes_its_own_chroma(crop: HostCrop) -> None:
    """FFmpeg interpolates chroma where the height is odd, and the kernel does not; on plain chroma they agree."""
    y, u, v = yuv(9, 65, 63)
    planes = y, np.full_like(u, 90), np.full_like(v, 170)
    ours = crop([(picture_of(Layout.I420, planes, 65, 63), np.eye(2, 3))], size=65)[0, :63]
    # Here FFmpeg computes with more bits than where the height is even, and rounds to the nearest.
    assert difference(ours, converted(planes, "bt601", full=False)) <= 3


def test_faces_of_one_batch_may_be_in_different_pictures(crop: HostCrop) -> None:
    rgb, planes = noise(1, 90, 120, 3), yuv(2, 64, 48)
    matrices = [crop_matrix(Box(10, 10, side, side), size=32, margin=1.3) for side in (20, 70, 30)]
    pictures = [rgb_picture(rgb), picture_of(Layout.I420, planes, 64, 48), rgb_picture(rgb)]
    together = crop(list(zip(pictures, matrices, strict=True)), size=32)
    for number, (picture, matrix) in enumerate(zip(pictures, matrices, strict=True)):
        np.testing.assert_array_equal(crop([(picture, matrix)], size=32)[0], together[number])


@pytest.mark.parametrize(("kind", "within"), [(BatchKind.FLOAT_NCHW, 1e-6), (BatchKind.HALF_NCHW, 2e-3)])
def test_float_batches_are_normalised_planes(crop: HostCrop, kind: BatchKind, within: float) -> None:
    rgb = noise(4, 80, 80, 3)
    matrices = [crop_matrix(Box(5, 5, side, side), size=40, margin=1.3) for side in (30, 60)]
    faces = [(rgb_picture(rgb), matrix) for matrix in matrices]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    batch = crop(faces, size=40, kind=kind, scale=list(1 / (255 * std)), offset=list(-mean / std))
    wanted = (crop(faces, size=40) / 255 - mean) / std
    assert batch.nbytes == batch_bytes(kind, 40, 2)
    np.testing.assert_allclose(batch.astype(float), wanted.transpose(0, 3, 1, 2), rtol=0, atol=within)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(2, 90),
    half_height=st.integers(1, 40),
    centre=st.tuples(st.floats(-0.3, 1.3), st.floats(-0.3, 1.3)),
    side=st.floats(1.0, 400.0),
    angle=st.floats(-1.0, 1.0),
    size=st.integers(1, 50),
    colour=st.sampled_from([None, *COLOURS]),
)
def test_any_crop_is_within_one_of_the_cpu(
    crop: HostCrop,
    seed: int,
    width: int,
    half_height: int,
    centre: tuple[float, float],
    side: float,
    angle: float,
    size: int,
    colour: tuple[Primaries, bool] | None,
) -> None:
    height = 2 * half_height
    box = Box(centre[0] * width - side / 2, centre[1] * height - side / 2, side, side)
    matrix = turned(crop_matrix(box, size=size, margin=1.4), angle)
    planes = yuv(seed, width, height, spare=3)
    if colour is None:
        rgb = noise(seed, height, width, 3)
        picture = rgb_picture(rgb)
    else:
        rgb = converted(planes, colour[0], full=colour[1])
        picture = picture_of(Layout.I420, planes, width, height, primaries=colour[0], full_range=colour[1])
    assert difference(crop([(picture, matrix)], size=size)[0], cut(rgb, matrix, size=size)) <= 1


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((2, 3)),
        np.array([[1.0, 0, 0], [0, 0, 0]]),
        np.array([[-1.0, 0, 0], [0, 1, 0]]),
        np.array([[np.nan, 0, 0], [0, 1, 0]]),
        np.array([[1.0, 0, 0], [0, np.inf, 0]]),
        np.array([[1.0, 0, np.nan], [0, 1, 0]]),
    ],
)
def test_a_matrix_that_says_nothing_is_refused(crop: HostCrop, matrix: NDArray[np.float64]) -> None:
    with pytest.raises(EngineError, match="matrix"):
        crop([(rgb_picture(noise(0, 8, 8, 3)), matrix)], size=8)


def test_a_face_can_be_too_large(crop: HostCrop) -> None:
    with pytest.raises(EngineError, match=r"shrunk to one in 1024, not to 5\.0e-04"):
        crop([(rgb_picture(noise(0, 8, 8, 3)), np.eye(2, 3) * 5e-4)], size=8)


def test_a_picture_must_have_its_layouts_planes(crop: HostCrop) -> None:
    rgb = noise(0, 8, 8, 3)
    for picture in (picture_of(Layout.I420, [rgb], 8, 8), picture_of(Layout.RGB, [rgb], 0, 8)):
        with pytest.raises(EngineError, match="plane"):
            crop([(picture, np.eye(2, 3))], size=8)


def test_the_c_sources_are_in_the_package() -> None:
    import engines.cuda

    assert {"crop.cu", "crop.h", "crop.ptx"} <= {path.name for path in Path(engines.cuda.__path__[0]).iterdir()}
