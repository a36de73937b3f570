"""A challenge and a rehearsal in a live call, from the request to the result."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest

from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.protocol.messages import Challenge, Event, Rehearsal, Scores
from stream_guard.scoring.observation import EventKind
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

PICTURE = Caller(width=640, height=360).frame


async def test_a_rehearsal_and_a_challenge_run_in_a_live_call_and_raise_no_alarm() -> None:
    async with (
        Service(Config.make(port=0)) as service,
        aclosing(client.messages(service.url)) as messages,
        WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500) as sender,
        httpx.AsyncClient(trust_env=False, base_url=service.url, timeout=30) as http,
        asyncio.timeout(100),
    ):
        asked = rehearsing = False
        challenge, rehearsal, alarms = None, None, 0
        async for message in messages:
            if isinstance(message, Event):
                alarms += message.kind is EventKind.ALARM_RAISED
            elif isinstance(message, Challenge):
                challenge = message
            elif isinstance(message, Rehearsal):
                rehearsal = message
                rehearsing &= message.state != "lost"  # a busy machine went silent for two seconds: once more
            elif isinstance(message, Scores) and message.faces and not rehearsing:
                wish = {"session": sender.session, "seconds": 3}
                rehearsing = (await http.post("/api/rehearsal", json=wish)).status_code == 201
            elif isinstance(message, Scores) and message.faces and not asked:
                path = f"/api/sessions/{sender.session}/faces/{message.faces[0].id}/challenge"
                # 404 where it has just gone out of sight; then the next one is asked.
                asked = (await http.post(path, json={"actions": ["move_close"]})).status_code == 201
                if asked:
                    assert (await http.delete(path)).status_code in {204, 404}
            if rehearsal and challenge and rehearsal.state == "done" and challenge.state.over:
                break
    assert rehearsal is not None
    assert rehearsal.label == "REHEARSAL"
    assert rehearsal.words
    assert challenge is not None
    assert challenge.state in {"cancelled", "lost"}
    assert challenge.steps[0].say == "Please come close to the camera, and lean back again."
    assert alarms == 0
