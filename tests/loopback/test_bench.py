"""The benchmark against the real server: every frame is accounted for, and every score finds its picture.

No duration is asserted: how fast this machine is, is not what is tested.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream_guard.bench import clip
from stream_guard.bench.crowd import crowd
from stream_guard.bench.latency import STAGES, flights
from stream_guard.bench.load import Bound, step
from stream_guard.bench.relay import Impairment
from stream_guard.bench.run import play
from stream_guard.bench.sender import Plan
from stream_guard.bench.start import start
from stream_guard.cli import app
from stream_guard.errors import StreamGuardError

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(180)]

SHAPE = clip.Shape(width=640, height=360, fps=5)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "call.mp4"
    clip.make(path, SHAPE, seconds=4)
    return path


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_every_score_finds_its_picture(call: Path, codec: clip.Codec) -> None:
    plan = Plan(shape=SHAPE, codec=codec, kbps=500)
    record = await play(call, plan, seconds=4, warm_up_s=3, settings={"engine": "onnxruntime"})
    (session,) = record.sessions.values()
    assert record.engine == "onnxruntime"
    assert session.scored
    numbers = [frame.number for frame in session.scored]
    assert None not in numbers
    assert numbers == sorted(set(numbers)), "frames are scored once and in order"
    flown = flights(record, session)
    assert len(flown) >= 1
    for one in flown:
        assert tuple(one.stages_ns) == STAGES
        assert sum(one.stages_ns.values()) == one.total_ns
        assert min(value for stage, value in one.stages_ns.items() if stage != "threads") >= 0
    seen = {one.number for one in record.decoded if one.ended_ns < record.ended_ns}  # later ones nobody noted
    assert seen <= {one.number for one in session.sent}
    assert record.server.cpu_s > 0
    assert record.server.memory_mib > 50


async def test_a_bad_network_loses_pictures_and_not_the_count(call: Path) -> None:
    plan = Plan(shape=SHAPE, kbps=800, impairment=Impairment(loss=0.05, delay_ms=20, jitter_ms=5))
    record = await play(call, plan, seconds=4, warm_up_s=3, settings={"engine": "onnxruntime"})
    (session,) = record.sessions.values()
    flown = flights(record, session)
    assert flown
    # What travels takes at least as long as the relay holds it back.
    assert min(one.stages_ns["network"] + one.stages_ns["jitter buffer"] for one in flown) >= 15_000_000


@pytest.fixture(scope="module")
def packets(call: Path) -> Path:
    path = call.with_name("packets")
    clip.save(path, clip.encode(call, SHAPE, codec="VP8", kbps=500, count=20))
    return path


async def test_two_calls_and_clients_that_misbehave(packets: Path) -> None:
    plan = Plan(shape=SHAPE, kbps=500, sessions=2, encoded=True)
    record = await play(packets, plan, seconds=4, warm_up_s=3, settings={"engine": "onnxruntime"}, beside=crowd(2))
    assert len(record.sessions) == 2
    figures: dict[str, Any] = step(record, faces=1, bound=Bound(p95_ms=1e6, rate=0.0))
    assert figures["held"] is True
    assert figures["glass_to_score_ms"]["p50"] > 0


async def test_a_server_that_cannot_start_is_an_error(call: Path) -> None:
    with pytest.raises(StreamGuardError, match="ended too early"):
        await play(call, Plan(shape=SHAPE), seconds=1, warm_up_s=0, settings={"engine": "none such"})


def test_the_command_writes_figures_and_a_picture(call: Path, tmp_path: Path) -> None:
    json_file, picture = tmp_path / "latency.json", tmp_path / "latency.png"
    arguments = ["bench", "latency", str(call), "--seconds", "3", "--warm-up", "2", "--fps", "5", "--no-floor"]
    arguments += ["--size", "640x360", "--engine", "onnxruntime", "--json", str(json_file), "--plot", str(picture)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(json_file.read_text())
    assert told["kind"] == "latency"
    assert told["machine"]["cpu"]
    assert told["frames"]["sent"] >= 10
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "glass to score" in done.output


def test_a_start_is_measured_from_nothing_to_the_first_score(tmp_path: Path) -> None:
    file = tmp_path / "start.json"
    arguments = ["bench", "start", "--times", "1", "--imports", "1", "--engine", "onnxruntime"]
    arguments += ["--size", "640x360", "--fps", "5", "--json", str(file)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(file.read_text())
    until = {name: spread["median"] for name, spread in told["until_s"].items()}
    assert 0 < until["listening"] < until["connected"]
    assert until["listening"] < until["first_score"]
    assert told["import_ms"]["stream_guard"]["median"] < told["import_ms"]["stream_guard.app"]["median"]


async def test_a_server_that_does_not_start_is_told_with_its_words(packets: Path) -> None:
    with pytest.raises(StreamGuardError, match="there is no engine called nonesuch"):
        await start(packets, Plan(shape=SHAPE, kbps=500, encoded=True), arguments=("--engine", "nonesuch"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["latency", "nothing.mp4"], "there is no file"),
        (["latency", "--size", "64x48"], "too small"),
        (["latency", "--codec", "AV1"], "VP8 or H264"),
        (["load", "--faces", "26"], "take 1 to 25"),
        (["growth", "--size", "64x48"], "too small"),
        (["start", "--codec", "AV1"], "VP8 or H264"),
    ],
)
def test_what_cannot_be_played_is_one_line(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert says in done.output
    assert len(done.output.strip().splitlines()) == 1
