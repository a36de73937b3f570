"""Bad recordings through ``stream-guard score`` and `Guard`: right scores, or words; nothing harms the next."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard import Guard
from stream_guard.app import Runtime
from stream_guard.config import Config
from stream_guard.errors import SourceError
from stream_guard.testing.caller import Caller
from tests.hostile.bad_videos import write, write_sound

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(300)]

FRAMES = 10
RATE = 6
COMMAND = (sys.executable, "-c", "from stream_guard.cli import main; main()", "score")


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """A caller, 640x360."""
    caller = Caller(width=640, height=360)
    return [caller.frame(number / RATE) for number in range(FRAMES)]


def film(path: Path, pictures: list[NDArray[np.uint8]], *, turned: int = 0, **setting: Any) -> Path:
    """Write pictures as a film; ``turned`` lays them down by so many degrees, and says so in the file."""
    lying = [np.ascontiguousarray(np.rot90(picture, -turned // 90)) for picture in pictures]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(setting.pop("codec", "libx264"), rate=RATE)
        stream.height, stream.width = lying[0].shape[:2]
        stream.pix_fmt = setting.pop("pix_fmt", "yuv420p")
        for name, value in setting.items():
            setattr(stream.codec_context, name, value)
        if turned:
            stream.set_display_rotation(turned)
        for picture in lying:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=stream.pix_fmt, dst_colorspace=setting.get("colorspace")
            )
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _broken(folder: Path, pictures: list[NDArray[np.uint8]]) -> list[Path]:
    """Files of which each is to cost one line."""
    (folder / "letter.mp4").write_text("a letter\n" * 100)
    (folder / "empty.mkv").touch()
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    whole = film(folder / "whole.mkv", pictures).read_bytes()
    (folder / "half.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    write_sound(folder / "song.m4a")
    odd = film(folder / "odd_colours.mkv", pictures[:3], colorspace=8)
    names = ["letter.mp4", "empty.mkv", "folder.mp4", "pipe.mp4", "half.mkv", "song.m4a"]
    return [*(folder / name for name in names), odd]


@dataclass(frozen=True)
class Scored:
    """What one run of the command said of all files."""

    code: int
    stdout: str
    stderr: str
    summaries: dict[str, dict[str, Any]]
    boxes: dict[str, NDArray[np.float64]]
    bad: list[Path]


@pytest.fixture(scope="module")
def run(pictures: list[NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Score good, odd and broken films in one go."""
    folder = tmp_path_factory.mktemp("films")
    films = [film(folder / "plain.mkv", pictures, codec="ffv1")]
    films += [film(folder / f"turned_{degrees}.mp4", pictures, turned=degrees) for degrees in (90, 270)]
    films += [
        film(folder / "bt2020.mkv", pictures, codec="ffv1", pix_fmt="yuv444p10le", colorspace=9, color_trc=16),
        film(folder / "fields.mkv", pictures, options={"x264-params": "interlaced=1"}),
    ]
    small = [np.ascontiguousarray(picture[::2, ::2]) for picture in pictures]
    halves = [film(folder / "1.ts", pictures), film(folder / "2.ts", small)]
    films.append(folder / "changing.ts")
    films[-1].write_bytes(b"".join(half.read_bytes() for half in halves))
    bad = _broken(folder, pictures)
    strange = Path(os.fsdecode(os.fsencode(folder) + b"/no\xff\x1b[2J\ntext.mp4"))
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/is\xff\x1b[2J\nthere.mkv"))
    one, out = write(folder / "one.mkv", size=(1, 1), codec="ffv1", frames=2), folder / "out.jsonl"
    odd.write_bytes(one.read_bytes())
    done = subprocess.run(
        [*COMMAND, "--every", "2", "--json", str(out), *map(str, [*bad, strange, one, odd, *films])],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8:strict"},
    )
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    summaries = {Path(line["file"]).name: line for line in lines if line.get("type") == "summary"}
    faces = [(Path(line["file"]).name, line["box"]) for line in lines if "id" in line]
    boxes = {
        name: np.median([box for file, box in faces if file == name] or [[0] * 4], axis=0) for name in summaries
    }
    return Scored(done.returncode, done.stdout, done.stderr, summaries, boxes, bad)


@pytest.mark.parametrize(
    "name",
    ["turned_90.mp4", "turned_270.mp4", "bt2020.mkv", "fields.mkv", "changing.ts"],
)
def test_a_face_is_found_and_scored_alike_however_the_film_is_stored(run: Scored, name: str) -> None:
    """Turned by a note, with ten bits and another matrix, in fields, and in a size that changes on the way."""
    plain, summary = run.summaries["plain.mkv"], run.summaries[name]
    assert plain["faces"] == summary["faces"] == 1
    assert summary["frames"] >= FRAMES // 2
    assert np.abs(run.boxes[name] - run.boxes["plain.mkv"]).max() < 0.03
    if name != "changing.ts":  # a face of half the size is another picture
        assert summary["authenticity"] == pytest.approx(plain["authenticity"], abs=0.25)


def test_a_line_for_each_bad_file_and_no_trace(run: Scored) -> None:
    assert run.code == 1
    assert "Traceback" not in run.stderr
    assert "\x1b[2J" not in run.stderr + run.stdout
    assert "is??[2J?there.mkv" in run.stdout
    errors = [line for line in run.stderr.splitlines() if line.startswith("stream-guard: ")]
    assert len(errors) == len(run.bad) + 1, run.stderr
    for path, error in zip(run.bad, errors, strict=False):
        assert path.name in error
    assert (run.summaries["one.mkv"]["faces"], run.summaries["one.mkv"]["frames"]) == (0, 1)
    assert 0 < run.summaries["half.mkv"]["frames"] < FRAMES // 2


async def test_bad_files_beside_a_good_one(pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    """Eight at a time, with one engine: the good one is scored frame by frame, as if it were alone."""
    good = await asyncio.to_thread(film, tmp_path / "good.mkv", pictures)
    bad = await asyncio.to_thread(_broken, tmp_path, pictures)
    async with Runtime(Config.make()) as runtime:

        async def watch(path: Path) -> tuple[int, int, str]:
            frames = faces = 0
            try:
                async with Guard(path, runtime=runtime) as guard:
                    async for update in guard:
                        frames += update.frame is not None
                        faces = len(update.faces)
            except SourceError as error:
                return frames, faces, str(error)
            return frames, faces, ""

        async with asyncio.timeout(250):
            results = await asyncio.gather(watch(good), *map(watch, bad))
    assert results[0] == (FRAMES, 1, "")
    for path, (_, _, said) in zip(bad, results[1:], strict=True):
        assert said, path.name
        assert said.isprintable()
