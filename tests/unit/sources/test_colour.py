from __future__ import annotations

import av
import numpy as np
import pytest
from av import VideoFrame

from stream_guard.sources.colour import shown_size, to_rgb

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
