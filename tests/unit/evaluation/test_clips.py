from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream_guard.errors import ConfigError, UnsupportedMedia
from stream_guard.evaluation.clips import Clip, face_crops, find_clips, sample_frames

pytestmark = pytest.mark.unit


def write_video(path: Path, frames: int = 20) -> None:
    """Each frame is as bright as its number; the right half is 100 brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for number in range(frames):
            picture = np.full((48, 64, 3), 4 * number, np.uint8)
            picture[:, 32:] += 100
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_frames_are_spread_over_the_clip_and_cut_to_the_region(tmp_path):
    write_video(tmp_path / "a.mp4")
    left = list(sample_frames(Clip(tmp_path / "a.mp4", "real", "g", "left"), 5))
    right = list(sample_frames(Clip(tmp_path / "a.mp4", "fake", "g", "right"), 5))
    assert [frame.shape for frame in left] == [(48, 32, 3)] * 5
    means = np.array([frame.mean() for frame in left])
    np.testing.assert_allclose(means, np.array([0, 20, 38, 57, 76]), atol=5)
    np.testing.assert_allclose([frame.mean() for frame in right], means + 100, atol=3)


def test_more_frames_than_there_are_gives_each_once(tmp_path):
    write_video(tmp_path / "a.mp4", frames=4)
    assert len(list(sample_frames(Clip(tmp_path / "a.mp4", "real", "g"), 24))) == 4


def test_what_is_no_video_is_said(tmp_path):
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(UnsupportedMedia, match="cannot be decoded"):
        list(sample_frames(Clip(tmp_path / "a.mp4", "real", "g"), 3))


def test_crops_leave_out_frames_without_a_face(tmp_path):
    landmarks = np.random.default_rng(0).uniform(8, 40, (478, 2)).astype(np.float32)

    class EverySecond:
        calls = 0

        def largest(self, rgb):
            self.calls += 1
            return landmarks if self.calls % 2 else None

    write_video(tmp_path / "a.mp4")
    crops = face_crops(Clip(tmp_path / "a.mp4", "real", "g"), EverySecond(), size=32, margin=1.4, count=6)
    assert crops.shape == (3, 32, 32, 3)
    assert crops.dtype == np.uint8


def test_a_folder_names_labels_and_groups(tmp_path):
    for name in ("real/a.mp4", "fake/swap/b.mp4", "fake/c.png", "fake/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {(clip.path.name, clip.label, clip.group) for clip in find_clips(tmp_path)}
    assert found == {("a.mp4", "real", "real"), ("b.mp4", "fake", "fake/swap"), ("c.png", "fake", "fake")}


def test_a_table_is_read_relative_to_itself(tmp_path):
    (tmp_path / "a.mp4").touch()
    table = tmp_path / "labels.csv"
    table.write_text("path,label,group,region\na.mp4,real,calls,left\na.mp4,fake,,right\n")
    assert find_clips(table) == [
        Clip(tmp_path / "a.mp4", "real", "calls", "left"),
        Clip(tmp_path / "a.mp4", "fake", "fake", "right"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.mp4,maybe\n", "line 2: expected"),
        ("path,label\nnothere.mp4,real\n", "line 2: there is no file"),
        ("path,label,group,region\na.mp4,real,g,up\n", "line 2: expected"),
        ("path,label\na.mp4,real\n", "no fake clips"),
        ("", "no real clips"),
    ],
)
def test_a_bad_table_is_said_with_its_line(tmp_path, text, message):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        find_clips(tmp_path / "labels.csv")


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="no folder or CSV"):
        find_clips(tmp_path / "absent")
