"""Rehearsals over HTTP: a made-up session whose detector sees the swap, or does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Face, Pose, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo, Ticked
from stream_guard.protocol.messages import Rehearsal
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation, ScoreEvent, State, Update
from stream_guard.scoring.session import Session
from stream_guard.server.rehearsal import Rehearsals
from stream_guard.server.rehearsal_words import Outcome, outcome_words
from stream_guard.sources.base import Source, Transport

pytestmark = pytest.mark.unit

FPS = 10
BOX = Box(110, 30, 60, 80)
LANDMARKS = np.random.default_rng(1).uniform((110, 30), (170, 110), (478, 2)).astype(np.float32)


class Still(Source):
    """One grey picture, over and over."""

    live, kind, name = True, "webrtc", "browser"
    number = -1

    async def open(self) -> None:
        return

    async def recv(self) -> Frame:
        self.number += 1
        return Frame.from_rgb(np.full((180, 320, 3), 128, np.uint8), sequence=self.number)

    async def close(self) -> None:
        return


class Stage:
    """A session that is played frame by frame; real frames look authentic, swapped ones as `swapped_llr` says."""

    def __init__(self, *, faces: bool = True, swapped_llr: float | None = 4.0) -> None:
        self.said: list[Rehearsal] = []
        self.rehearsals = Rehearsals(self.said.append, rise=0.85)
        self.faces, self.swapped_llr = faces, swapped_llr
        transport = httpx.ASGITransport(app=Starlette(routes=self.rehearsals.routes))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self.states: list[State] = []

    async def join(self, session: str = "c1") -> None:
        self.info = SessionInfo(session, "webrtc", "browser", live=True)
        self.source, self.scorer = self.rehearsals.stage(self.info, Still(), Session())
        await self.play(2)

    async def play(self, seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            frame = await self.source.recv()
            swapped = bool((frame.rgb() != 128).any())
            llr, why = (self.swapped_llr if swapped else -3.0), ()
            if llr is None:
                why = (Reason.DARK,)
            seen = (FaceObservation(1, BOX.fractions_of(320, 180), llr, why),) if self.faces else ()
            at_ns = frame.sequence * NS_PER_S // FPS
            update = self.scorer.receive(Observation(frame.sequence, at_ns, seen))
            self.states += [face.state for face in update.faces]
            face = Face(1, BOX, landmarks=LANDMARKS, pose=Pose(0, 0, 0))
            tracked = Tracked((face,) * self.faces, cut=False, find_ns=0, track_ns=0, measured=1, measurable=1)
            plan = Plan(find=True, faces=1, degraded=False)
            scored = Scored(frame, at_ns / NS_PER_S, 0, update, plan, Transport(), tracked)
            self.rehearsals.frame_scored(self.info, scored)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.join()
    yield stage
    await stage.http.aclose()


async def test_the_alarm_comes_in_the_rehearsal_and_nowhere_else(stage: Stage) -> None:
    begun = await stage.http.post("/api/rehearsal", json={"session": "c1", "seconds": 6})
    assert begun.status_code == 201
    assert Rehearsal.model_validate_json(begun.text).label == "REHEARSAL"
    await stage.play(5)
    assert stage.said[-1].state == "running"
    assert stage.said[-1].faces[0].state is State.SYNTHETIC
    await stage.play(4)
    final = stage.said[-1]
    assert (final.state, final.faces) == ("done", ())
    assert final.alarmed_after_s is not None
    assert 0.5 < final.alarmed_after_s < 3
    assert 5 < final.swapped_s < 6.2
    assert final.words[0].startswith("The detector is awake")
    assert State.SYNTHETIC not in stage.states
    assert stage.states[-1] is State.AUTHENTIC
    assert (await stage.http.get("/api/rehearsal")).json() == final.model_dump(mode="json")


async def test_a_detector_that_notices_nothing_is_said_to_with_the_reasons() -> None:
    stage = Stage(swapped_llr=None)
    await stage.join()
    await stage.http.post("/api/rehearsal")
    await stage.play(10)
    words = stage.said[-1].words
    assert words[0].startswith("The detector did not notice the test swap")
    assert "Seen: the face is too dark: more light from the front." in words
    await stage.http.aclose()


async def test_without_a_face_nothing_is_tried() -> None:
    stage = Stage(faces=False)
    await stage.join()
    await stage.http.post("/api/rehearsal")
    await stage.play(10)
    assert stage.said[-1].words == ("There was no face in the picture to be swapped, so nothing was tried.",)
    await stage.http.aclose()


async def test_the_picture_is_shown_while_it_runs(stage: Stage) -> None:
    assert (await stage.http.get("/api/rehearsal/picture")).status_code == 404
    await stage.http.post("/api/rehearsal")
    await stage.play(1)
    shown = await stage.http.get("/api/rehearsal/picture")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.content.startswith(b"\xff\xd8")


async def test_it_can_be_cancelled_and_the_picture_is_real_again(stage: Stage) -> None:
    await stage.http.post("/api/rehearsal")
    await stage.play(1)
    assert (await stage.http.post("/api/rehearsal")).status_code == 409
    assert (await stage.http.delete("/api/rehearsal")).status_code == 204
    assert stage.said[-1].state == "cancelled"
    assert (await stage.http.delete("/api/rehearsal")).status_code == 404
    assert ((await stage.source.recv()).rgb() == 128).all()


async def test_the_session_must_be_clear(stage: Stage) -> None:
    assert (await stage.http.post("/api/rehearsal", json={"session": "c9"})).status_code == 404
    await stage.join("c2")
    refused = await stage.http.post("/api/rehearsal")
    assert (refused.status_code, "more than one session" in refused.text) == (409, True)
    stage.rehearsals.session_changed(stage.info, "ended")
    assert (await stage.http.post("/api/rehearsal")).status_code == 201


async def test_a_session_that_ends_ends_its_rehearsal(stage: Stage) -> None:
    await stage.http.post("/api/rehearsal")
    stage.rehearsals.session_changed(stage.info, "ended")
    assert stage.said[-1].state == "lost"
    assert (await stage.http.post("/api/rehearsal")).status_code == 404


async def test_none_begins_while_no_picture_comes(stage: Stage) -> None:
    """It would end with the picture alone, and could be somebody else's."""
    stage.rehearsals.ticked(stage.info, Ticked(9.0, Update(events=(ScoreEvent(EventKind.STALE, 9 * NS_PER_S),))))
    assert (await stage.http.post("/api/rehearsal")).status_code == 404
    await stage.play(1)
    assert (await stage.http.post("/api/rehearsal")).status_code == 201


@pytest.mark.parametrize("body", ["nonsense", '{"seconds": 1}', '{"seconds": 3000}', '{"x": 1}', "[]"])
async def test_wrong_bodies_are_refused(stage: Stage, body: str) -> None:
    assert (await stage.http.post("/api/rehearsal", content=body)).status_code == 422


def test_what_is_said_follows_from_what_was_seen() -> None:
    weak = Outcome(needed=0.2, before=0.95, lowest=0.6, swapped=50, faces=50, judged=50)
    assert outcome_words(weak)[1:] == (
        "The score went from 95% to 60% at the lowest; an alarm needs it to stay below 20%.",
        "More light on the face, a larger face and a sharper camera help.",
    )
    small = Outcome(needed=0.2, swapped=50, faces=50, reasons=Counter({Reason.FACE_TOO_SMALL: 50}))
    assert outcome_words(small)[1:] == ("Seen: the face is too small: come closer, or enlarge the picture.",)
    busy = Outcome(needed=0.2, swapped=50, faces=50)
    assert "the machine may be too busy" in outcome_words(busy)[1]
    stood = Outcome(needed=0.2, swapped=50, alarmed_before=True, alarmed_after_s=0.1)
    assert outcome_words(stood) == (
        "An alarm stood already before the swap was shown, so this rehearsal shows nothing.",
    )
