"""Challenges over HTTP, of a session whose results a test makes up."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from stream_guard.budget.plan import Plan
from stream_guard.face import Box, Face, Pose
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo, Ticked
from stream_guard.protocol.messages import Challenge
from stream_guard.scoring.observation import EventKind, FaceScore, ScoreEvent, State, Update
from stream_guard.scoring.smoothing import SmoothingSettings
from stream_guard.server.challenges import Challenges
from stream_guard.sources.base import Transport

pytestmark = pytest.mark.unit

INFO = SessionInfo("c1", "webrtc", "browser", live=True)
ADDRESS = "/api/sessions/c1/faces/3/challenge"
WISH = {"actions": ["turn_left"]}
RGB = np.full((90, 160, 3), 120, np.uint8)
LANDMARKS = np.random.default_rng(1).uniform(50, 80, (478, 2)).astype(np.float32)


def result(at_s: float, *, face: int = 3, yaw: float = 0.0, score: float | None = 0.9) -> Scored:
    box = Box(50, 30, 30, 40)
    said = FaceScore(face, box.fractions_of(160, 90), 0.9, None, State.AUTHENTIC, (), score, 1.0)
    seen = Face(face, box, landmarks=LANDMARKS, pose=Pose(yaw, 0.0, 0.0))
    return Scored(
        frame=Frame.from_rgb(RGB),
        at_s=at_s,
        scored_ns=0,
        update=Update((said,)),
        plan=Plan(find=True, faces=1, degraded=False),
        transport=Transport(),
        tracked=Tracked((seen,), cut=False, find_ns=0, track_ns=0, measured=1, measurable=1),
    )


class Desk:
    """Challenges with a client, and what they said."""

    def __init__(self) -> None:
        self.said: list[Challenge] = []
        self.challenges = Challenges(self.said.append, smoothing=SmoothingSettings(), enough_looks=1.75)
        transport = httpx.ASGITransport(app=Starlette(routes=self.challenges.routes))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self.now_s = 0.0

    def look(self, seconds: float, **seen: float) -> None:
        """Let so many seconds of results pass, ten a second."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            self.challenges.frame_scored(INFO, result(self.now_s, **seen))  # type: ignore[arg-type]


async def test_a_challenge_is_begun_followed_and_asked_for_afterwards() -> None:
    desk = Desk()
    desk.look(0.5)
    begun = await desk.http.post(ADDRESS, json=WISH)
    assert begun.status_code == 201
    assert Challenge.model_validate_json(begun.text).state == "before"
    desk.look(5)
    assert desk.said[-1].state == "asking"
    assert desk.said[-1].say.startswith("Please turn your head slowly to your left")
    desk.look(1, yaw=55.0, score=0.2)
    desk.look(5)
    final = desk.said[-1]
    assert (final.state, final.steps[0].sight, final.steps[0].amount) == ("done", "seen", 55.0)
    assert final.trace
    assert (await desk.http.get(ADDRESS)).json() == final.model_dump(mode="json")
    count = len(desk.said)
    desk.look(2)
    assert len(desk.said) == count


async def test_progress_is_told_a_few_times_a_second_and_not_for_every_frame() -> None:
    desk = Desk()
    desk.look(0.5)
    await desk.http.post(ADDRESS, json=WISH)
    before = len(desk.said)
    desk.look(3)
    assert 9 <= len(desk.said) - before <= 12


async def test_it_can_be_cancelled_once() -> None:
    desk = Desk()
    desk.look(0.5)
    await desk.http.post(ADDRESS, json=WISH)
    assert (await desk.http.delete("/api/sessions/c1/faces/4/challenge")).status_code == 404
    assert (await desk.http.delete(ADDRESS)).status_code == 204
    assert desk.said[-1].state == "cancelled"
    assert (await desk.http.delete(ADDRESS)).status_code == 404
    assert (await desk.http.post(ADDRESS, json=WISH)).status_code == 201


async def test_one_runs_at_a_time_in_a_session() -> None:
    desk = Desk()
    desk.look(0.5)
    await desk.http.post(ADDRESS, json=WISH)
    refused = await desk.http.post(ADDRESS, json=WISH)
    assert (refused.status_code, refused.text) == (409, "a challenge runs in session c1; cancel it first\n")


@pytest.mark.parametrize(
    "body",
    ["", "{}", '{"actions": []}', '{"actions": ["dance"]}', '{"actions": ["turn_left"], "x": 1}', "x" * 5000],
)
async def test_a_body_that_asks_for_something_else_is_refused(body: str) -> None:
    desk = Desk()
    desk.look(0.5)
    answer = await desk.http.post(ADDRESS, content=body)
    assert answer.status_code == 422
    assert "turn_left, turn_right, hand_across" in answer.text
    assert desk.said == []


async def test_nobody_is_asked_who_is_not_there() -> None:
    desk = Desk()
    assert (await desk.http.post(ADDRESS, json=WISH)).status_code == 404
    desk.look(0.5, face=7)
    assert (await desk.http.post(ADDRESS, json=WISH)).status_code == 404
    assert (await desk.http.get(ADDRESS)).status_code == 404


async def test_a_session_that_ends_or_falls_silent_loses_its_challenge() -> None:
    for end in ("ended", "silent"):
        desk = Desk()
        desk.look(0.5)
        await desk.http.post(ADDRESS, json=WISH)
        desk.look(5)
        if end == "ended":
            desk.challenges.session_changed(INFO, "ended")
        else:
            stale = Update((), (ScoreEvent(EventKind.STALE, 0),))
            desk.challenges.ticked(INFO, Ticked(at_s=9.0, update=stale))
        assert desk.said[-1].state == "lost"
        assert desk.said[-1].words[0].startswith("The picture was lost")


async def test_a_face_that_comes_back_under_another_id_is_followed_and_told_as_such() -> None:
    desk = Desk()
    desk.look(0.5)
    await desk.http.post(ADDRESS, json=WISH)
    desk.look(5)
    desk.look(1, yaw=40.0)
    desk.look(5, face=4)
    final = desk.said[-1]
    assert final.state == "done"
    assert [lapse.kind for lapse in final.steps[0].lapses] == ["other_face"]
    assert (await desk.http.get(ADDRESS)).status_code == 200


async def test_results_are_not_kept_for_ever() -> None:
    desk = Desk()
    for number in range(40):
        info = SessionInfo(f"c{number}", "webrtc", "", live=True)
        desk.challenges.frame_scored(info, result(1.0))
        await desk.http.post(f"/api/sessions/c{number}/faces/3/challenge", json=WISH)
        desk.challenges.session_changed(info, "ended")
    assert (await desk.http.get("/api/sessions/c0/faces/3/challenge")).status_code == 404
    assert (await desk.http.get("/api/sessions/c39/faces/3/challenge")).status_code == 200
