"""Self-tests over HTTP: begun, followed, cancelled, refused in words, and what becomes of the picture."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from stream_guard.budget.plan import Plan
from stream_guard.errors import EngineError
from stream_guard.face import Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo, Ticked
from stream_guard.pipeline.self_test import Finding
from stream_guard.pipeline.self_test_figures import Figures
from stream_guard.scoring.observation import EventKind, ScoreEvent, Update
from stream_guard.server.auth import Gate
from stream_guard.server.self_test import SelfTests
from stream_guard.server.tokens import Keyring
from stream_guard.sources.base import Transport
from stream_guard.sources.re_encode import VideoSetting

pytestmark = pytest.mark.unit

VP8 = Transport(codec="VP8", width=1280, height=720, fps=29.97, kbps=311.4)
CALL = VideoSetting("VP8", 1280, 720, 29.97, 311.4)
MADE_UP = {"codec": "H264", "width": 640, "height": 360, "kbps": 250, "fps": 30}
FOUND = Finding(
    CALL,
    sent=VideoSetting("VP8", 640, 360, 15, 39),
    reached_kbps=300.04,
    with_face=60,
    refused=Counter({Reason.BLURRED: 2}),
    figures=Figures(frames=58, looks=17.0, before=-3.0, after=-2.2, margin=0.3),
    picture=b"\xff\xd8 a picture",
)


class Played:
    """In place of a self-test: ends when it is told to."""

    def __init__(self, call: VideoSetting) -> None:
        self.call, self.gathering, self.progress = call, True, 0.0
        self.offered: list[Scored] = []
        self.end: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()

    def offer(self, scored: Scored) -> None:
        self.offered.append(scored)

    async def run(self) -> Finding:
        return await self.end


class Stage:
    """Sessions c1, one's own, and c2, which is watched."""

    def __init__(self, gate: Callable[[Starlette], object] = lambda site: site) -> None:
        self.made: list[Played] = []
        self.rehearsing: set[str] = set()
        self.tests = SelfTests(
            self._make, share=lambda bits: min(1.0, 100 * bits), rehearses=self.rehearsing.__contains__
        )
        site = gate(Starlette(routes=self.tests.routes))
        transport = httpx.ASGITransport(app=site)  # type: ignore[arg-type]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def _make(self, call: VideoSetting) -> Played:
        self.made.append(Played(call))
        return self.made[-1]

    def see(self, session: str, transport: Transport = VP8) -> None:
        frame = Frame.from_rgb(np.zeros((18, 32, 3), np.uint8))
        tracked = Tracked((), cut=False, find_ns=0, track_ns=0, measured=0, measurable=0)
        scored = Scored(frame, 1.0, 0, Update(), Plan(faces=1), transport, tracked)
        self.tests.frame_scored(info(session), scored)

    async def post(self, session: str = "c1", like: object = "c2") -> httpx.Response:
        return await self.http.post(f"/api/sessions/{session}/self-test", json={"as": like})

    async def get(self, session: str = "c1", below: str = "") -> httpx.Response:
        return await self.http.get(f"/api/sessions/{session}/self-test{below}")

    async def until_over(self) -> dict[str, object]:
        async with asyncio.timeout(10):
            while (answer := (await self.get()).json())["state"] in {"gathering", "comparing"}:
                await asyncio.sleep(0.005)
        return dict(answer)


def info(session: str) -> SessionInfo:
    return SessionInfo(session, "webrtc", "browser", live=True)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    stage.see("c1")
    stage.see("c2")
    yield stage
    await stage.tests.close()
    await stage.http.aclose()


async def test_ones_own_picture_is_sent_like_the_call_that_is_watched(stage: Stage) -> None:
    begun = await stage.post()
    assert begun.status_code == 202
    assert begun.json()["state"] == "gathering"
    assert (begun.json()["session"], begun.json()["as"]) == ("c1", "c2")
    (played,) = stage.made
    assert played.call == CALL
    stage.see("c1")
    stage.see("c2")
    assert len(played.offered) == 1  # the watched call's pictures are not touched
    played.gathering, played.progress = False, 0.75
    answer = (await stage.get()).json()
    assert (answer["state"], answer["progress"]) == ("comparing", 0.75)
    assert (await stage.get(below="/picture")).status_code == 404
    played.end.set_result(FOUND)
    answer = await stage.until_over()
    assert answer["state"] == "done"
    assert answer["kbps"] == 311.4
    assert answer["reached_kbps"] == 300.0
    assert (answer["frames"], answer["refused"]) == (58, 2)
    assert (answer["moved"], answer["interval"]) == (0.8, [0.5, 1.1])
    assert answer["authenticity_before"] == pytest.approx(0.9526, abs=1e-4)
    assert answer["evidence"] == pytest.approx(1.0)
    assert "moves towards synthetic by 0.8" in str(answer["words"])
    picture = await stage.get(below="/picture")
    assert (picture.content, picture.headers["content-type"]) == (FOUND.picture, "image/jpeg")
    assert (await stage.get("c2")).status_code == (await stage.get("c2", "/picture")).status_code == 404


async def test_a_made_up_call_does_as_well(stage: Stage) -> None:
    begun = await stage.post(like=MADE_UP)
    assert (begun.status_code, begun.json()["as"]) == (202, None)
    assert stage.made[0].call == VideoSetting("H264", 640, 360, 30, 250)


async def test_one_runs_at_a_time_and_can_be_cancelled(stage: Stage) -> None:
    assert (await stage.post()).status_code == 202
    for session in ("c1", "c2"):
        again = await stage.post(session, MADE_UP)
        assert (again.status_code, "cancel it first" in again.text) == (409, True)
    path = "/api/sessions/{}/self-test"
    assert (await stage.http.delete(path.format("c2"))).status_code == 404
    assert (await stage.http.delete(path.format("c1"))).status_code == 204
    assert (await stage.http.delete(path.format("c1"))).status_code == 404
    answer = await stage.until_over()
    assert (answer["state"], answer["words"]) == ("cancelled", ["The self-test was cancelled."])
    assert (await stage.post()).status_code == 202


async def test_the_picture_goes_with_the_next_one_and_with_the_session(stage: Stage) -> None:
    for _ in range(2):
        await stage.post()
        assert (await stage.get(below="/picture")).status_code == 404
        stage.made[-1].end.set_result(FOUND)
        assert (await stage.until_over())["picture"] is True
        assert (await stage.get(below="/picture")).status_code == 200
    stage.tests.session_changed(info("c2"), "ended")
    assert (await stage.get(below="/picture")).status_code == 200
    stage.tests.session_changed(info("c1"), "ended")
    assert (await stage.get(below="/picture")).status_code == 404
    answer = (await stage.get()).json()
    assert (answer["state"], answer["picture"]) == ("done", False)
    assert b"a picture" not in repr(stage.tests._latest).encode()  # nor anywhere else


async def test_a_session_that_ends_midway_ends_it(stage: Stage) -> None:
    await stage.post()
    stage.tests.session_changed(info("c1"), "ended")
    assert (await stage.until_over())["state"] == "lost"
    assert (await stage.post()).status_code == 404


async def test_a_picture_that_stops_ends_it_only_while_pictures_are_wanted(stage: Stage) -> None:
    stale = Ticked(2.0, Update(events=(ScoreEvent(EventKind.STALE, 2),)))
    await stage.post()
    stage.made[0].gathering = False
    stage.tests.ticked(info("c1"), stale)
    assert (await stage.get()).json()["state"] == "comparing"
    stage.made[0].gathering = True
    stage.tests.ticked(info("c2"), stale)
    assert (await stage.get()).json()["state"] == "gathering"
    stage.tests.ticked(info("c1"), stale)
    assert (await stage.until_over())["state"] == "lost"


async def test_a_swap_that_is_rehearsed_is_never_taken_for_ones_own_face(stage: Stage) -> None:
    stage.rehearsing.add("c1")
    refused = await stage.post()
    assert (refused.status_code, "a rehearsal shows a test swap" in refused.text) == (409, True)
    stage.rehearsing.clear()
    await stage.post()
    stage.rehearsing.add("c1")
    stage.see("c1")
    assert stage.made[0].offered == []
    stage.rehearsing.clear()
    stage.see("c1")  # of the swap's last frames
    assert stage.made[0].offered == []
    assert (await stage.get()).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "The machine is too busy; the self-test was given up."),
        (EngineError("no engine is left"), "The self-test failed: no engine is left."),
        (ValueError("inside"), "The self-test failed; see the log."),
    ],
)
async def test_a_failure_is_told_in_words(stage: Stage, error: Exception, words: str) -> None:
    await stage.post()
    stage.made[0].end.set_exception(error)
    answer = await stage.until_over()
    assert (answer["state"], answer["words"]) == ("failed", [words])


@pytest.mark.parametrize(
    ("session", "like", "status", "words"),
    [
        ("c9", "c2", 404, "no session c9"),
        ("c1", "c9", 404, "no session c9"),
        ("c1", "c1", 422, "this one is your own picture"),
        ("c1", "c3", 422, "only VP8 and H264 can be imitated, and the call's codec is VP9"),
        ("c1", "c4", 422, "the call's bitrate is not known"),
        ("c1", {**MADE_UP, "codec": "AV1"}, 422, "send"),
        ("c1", {**MADE_UP, "kbps": 0}, 422, "send"),
        ("c1", {**MADE_UP, "width": 1 << 20}, 422, "send"),
        ("c1", {**MADE_UP, "loss": 1}, 422, "send"),
        ("c1", 7, 422, "send"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    stage: Stage, session: str, like: object, status: int, words: str
) -> None:
    stage.see("c3", Transport(codec="VP9", width=640, height=360, fps=30, kbps=300))
    stage.see("c4", Transport(codec="VP8", width=640, height=360, fps=30))
    refused = await stage.post(session, like)
    assert (refused.status_code, words in refused.text) == (status, True)
    assert stage.made == []


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"as": "c2", "x": 1}', b'{"as": "' + b"c" * 5000 + b'"}']
)
async def test_other_bodies_are_refused(stage: Stage, body: bytes) -> None:
    assert (await stage.http.post("/api/sessions/c1/self-test", content=body)).status_code == 422


async def test_it_takes_the_token_that_opens_everything() -> None:
    ring = Keyring(admin="a" * 16, watch="w" * 16)
    stage = Stage(lambda site: Gate(site, host="127.0.0.1", tokens=ring))
    stage.see("c1")
    stage.see("c2")
    path = "/api/sessions/c1/self-test"
    everything, watching = ({"Authorization": f"Bearer {letter * 16}"} for letter in "aw")
    assert (await stage.http.post(path, json={"as": "c2"})).status_code == 401
    assert (await stage.http.post(path, json={"as": "c2"}, headers=watching)).status_code == 403
    assert (await stage.http.post(path, json={"as": "c2"}, headers=everything)).status_code == 202
    assert (await stage.http.delete(path, headers=watching)).status_code == 403
    stage.made[0].end.set_result(FOUND)
    async with asyncio.timeout(10):
        while (await stage.http.get(path, headers=watching)).json()["state"] != "done":
            await asyncio.sleep(0.005)
    assert (await stage.http.get(path + "/picture", headers=watching)).status_code == 403
    assert (await stage.http.get(path + "/picture", headers=everything)).status_code == 200
    await stage.tests.close()
    await stage.http.aclose()
