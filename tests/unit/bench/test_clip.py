"""The clip: played over and over, numbered, and readable again at the other end."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import pytest

from stream_guard.bench import clip, mark
from stream_guard.errors import ConfigError, UnsupportedMedia

pytestmark = pytest.mark.unit

SHAPE = clip.Shape(width=320, height=240, fps=10, faces=4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "call.mp4"
    ticks: list[None] = []
    clip.make(path, SHAPE, seconds=1, tick=lambda: ticks.append(None))
    assert len(ticks) == 10
    return path


def test_it_goes_round_and_each_picture_is_ones_own(made: Path) -> None:
    seen = []
    for count, picture in enumerate(islice(clip.pictures(made, SHAPE), 23)):
        clip.number(picture, count, SHAPE.fps)
        seen.append((mark.read(mark.luma(picture)), picture.pts))
    assert seen == [(count, count * 9000) for count in range(23)]


def test_it_ends_where_it_began(made: Path) -> None:
    first, *_, last = (picture.to_ndarray()[:200].astype(int) for picture in islice(clip.pictures(made, SHAPE), 10))
    middle = next(islice(clip.pictures(made, SHAPE), 5, None)).to_ndarray()[:200].astype(int)
    assert abs(last - first).mean() < abs(middle - first).mean()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_encoded_beforehand_it_is_numbered_too_and_keeps_on_disk(made: Path, tmp_path: Path, codec: str) -> None:
    encoded = clip.encode(made, SHAPE, codec=clip.named_codec(codec), kbps=300, count=15)
    assert len(encoded) == 15
    assert all(encoded)
    clip.save(tmp_path / "packets", encoded)
    assert clip.saved(tmp_path / "packets") == encoded
    decoder = av.CodecContext.create("libvpx" if codec == "VP8" else "h264", "r")
    frames = [frame for one in encoded for frame in decoder.decode(av.Packet(one))]
    assert [mark.read(mark.luma(frame)) for frame in frames] == list(range(len(frames)))
    assert len(frames) >= 14


def test_any_other_size_is_scaled(made: Path) -> None:
    picture = next(clip.pictures(made, clip.Shape(640, 360)))
    assert (picture.width, picture.height) == (640, 360)


def test_what_is_no_video_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(UnsupportedMedia, match=r"text\.mp4"):
        next(clip.pictures(tmp_path / "text.mp4", SHAPE))


@pytest.mark.parametrize(
    "wrong",
    [{"faces": 26}, {"faces": 0}, {"faces": 5, "rows": 2}, {"width": 321}, {"width": 64, "height": 48}],
)
def test_shapes_that_cannot_be_played_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        clip.Shape(**wrong)


def test_names_of_sizes_and_codecs() -> None:
    assert clip.parse_size("1280x720") == (1280, 720)
    assert clip.named_codec("h264") == "H264"
    for wrong in ("1280", "x", "axb"):
        with pytest.raises(ConfigError):
            clip.parse_size(wrong)
    with pytest.raises(ConfigError):
        clip.named_codec("AV1")


def test_places_of_the_grid_stay_empty_where_there_is_nobody(tmp_path: Path) -> None:
    shape = clip.Shape(width=384, height=288, fps=10, faces=2, rows=3)
    clip.make(tmp_path / "two.mp4", shape, seconds=0.2)
    luma = mark.luma(next(clip.pictures(tmp_path / "two.mp4", shape)))
    assert luma[:96, :256].std() > 20
    assert luma[:, 260:].max() < 40, "nobody in the third column"
    assert luma[100:, :].max() < 40, "nor in the other rows"
    assert clip.Shape(faces=2).grid == 2
    assert clip.Shape(faces=9).grid == 3
