from __future__ import annotations

import av
import numpy as np
import pytest
from av import VideoFrame

from stream_guard.sources.colour import planes, shown_size, to_rgb
from stream_guard.testing.cutting import rgb_of

pytestmark = pytest.mark.unit

COLOUR = (200, 60, 30)
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}  # Kr, Kb: ITU-R BT.601 and BT.709
SAYS = {"nothing": 2, "709": 1, "601": 6}  # ITU-T H.273, table 4


def painted(matrix: str, says: str, *, full: bool = False, size: tuple[int, int] = (320, 240)) -> VideoFrame:
    """Return the colour as planes, worked out by hand from the recommendation."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = (value / 255 for value in COLOUR)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    values = (255 * y, 128 + 255 * u, 128 + 255 * v) if full else (16 + 219 * y, 128 + 224 * u, 128 + 224 * v)
    width, height = size
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = round(values[0])
    planes[height : height * 5 // 4], planes[height * 5 // 4 :] = round(values[1]), round(values[2])
    frame = VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace, frame.color_range = SAYS[says], 2 if full else 1
    return frame


HD = (1280, 720)


@pytest.mark.parametrize(
    ("frame", "hd_is_bt709"),
    [
        (painted("601", "601"), True),
        (painted("709", "709"), True),
        (painted("709", "709", full=True), False),
        (painted("601", "601", full=True), True),
        (painted("601", "nothing"), True),
        (painted("709", "nothing", size=HD), True),
        (painted("601", "nothing", size=HD), False),
        (painted("601", "601", size=HD), True),
    ],
)
def test_the_right_matrix_and_range(frame: VideoFrame, hd_is_bt709: bool) -> None:
    rgb = to_rgb(frame, hd_is_bt709=hd_is_bt709)
    assert (rgb.dtype, rgb.shape) == (np.uint8, (frame.height, frame.width, 3))
    assert rgb.flags.c_contiguous
    assert abs(rgb[10, 10].astype(int) - COLOUR).max() <= 2


def test_the_wrong_matrix_would_be_seen() -> None:
    rgb = to_rgb(painted("709", "nothing", size=HD), hd_is_bt709=False)
    assert abs(rgb[10, 10].astype(int) - COLOUR).max() > 8


@pytest.mark.parametrize("name", ["rgb24", "bgra", "gray", "yuv444p", "yuv422p10le", "yuva420p", "nv12", "gbrp"])
def test_any_pixel_format(name: str) -> None:
    grey = VideoFrame.from_ndarray(np.full((64, 96, 3), 100, np.uint8), format="rgb24")
    rgb = to_rgb(grey.reformat(format=name), hd_is_bt709=True)
    assert rgb.shape == (64, 96, 3)
    assert abs(rgb.astype(int) - 100).max() <= 2


def test_the_frame_itself_is_left_alone() -> None:
    frame = painted("709", "nothing", size=HD)
    to_rgb(frame, hd_is_bt709=True)
    assert frame.colorspace == 2
    assert shown_size(frame) == HD
    assert av.VideoFrame is VideoFrame


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p"])
@pytest.mark.parametrize("says", [0, 1, 2, 4, 5, 6, 7, 9])
@pytest.mark.parametrize("spoken", [0, 1, 2])
@pytest.mark.parametrize("size", [(64, 48), (64, 578)])  # the second counts as high definition
@pytest.mark.parametrize("hd_is_bt709", [True, False])
def test_planes_mean_what_is_made_of_them(
    name: str, says: int, spoken: int, size: tuple[int, int], hd_is_bt709: bool
) -> None:
    """What is handed on with the planes gives, where it is stated, the very picture that `to_rgb` gives."""
    frame = painted("601", "nothing", size=size).reformat(format=name)
    frame.colorspace, frame.color_range = says, spoken
    found = planes(frame, hd_is_bt709=hd_is_bt709)
    if found is None:
        assert says in (0, 4, 7, 9), "a matrix that the GPU's kernel has"
        return
    assert says not in (4, 7, 9), "matrices that it does not have"
    for ours, theirs in zip(found.planes, frame.planes, strict=True):
        assert ours.ctypes.data == theirs.buffer_ptr
    stated = rgb_of(found)
    assert abs(stated.astype(int) - to_rgb(frame, hd_is_bt709=hd_is_bt709)).max() == 0


@pytest.mark.parametrize("name", ["rgb24", "nv12", "yuv444p", "yuv420p10le", "gray"])
def test_other_formats_have_no_planes_to_hand_on(name: str) -> None:
    assert planes(painted("601", "601").reformat(format=name), hd_is_bt709=True) is None


def test_nor_have_odd_heights() -> None:
    assert planes(VideoFrame(320, 241, "yuv420p"), hd_is_bt709=True) is None
    assert planes(VideoFrame(321, 240, "yuv420p"), hd_is_bt709=True) is not None


def test_planes_outlive_the_frame() -> None:
    found = planes(painted("601", "601"), hd_is_bt709=True)
    assert found is not None
    kept = [plane.copy() for plane in found.planes]
    for _ in range(20):
        VideoFrame.from_ndarray(np.full((360, 320), 7, np.uint8), format="yuv420p")
    for plane, was in zip(found.planes, kept, strict=True):
        np.testing.assert_array_equal(plane, was)
