"""Vouching for a face of a live call over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest

from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.protocol.messages import Scores
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

PICTURE = Caller(width=640, height=360).frame


async def test_a_face_somebody_vouches_for_is_told_to_everybody() -> None:
    async with (
        Service(Config.make(port=0)) as service,
        aclosing(client.messages(service.url)) as messages,
        WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500) as sender,
        httpx.AsyncClient(trust_env=False, base_url=service.url) as http,
        asyncio.timeout(50),
    ):
        address = f"/api/sessions/{sender.session}/faces"
        assert (await http.post(f"{address}/99/trust")).status_code == 404
        assert (await http.post("/api/sessions/nobody/faces/1/trust")).status_code == 404
        async for message in messages:
            if not isinstance(message, Scores) or not message.faces or message.faces[0].authenticity is None:
                continue
            if message.faces[0].trusted:
                return
            # 404 where it has just gone out of sight; then the next one is asked for.
            assert (await http.post(f"{address}/{message.faces[0].id}/trust")).status_code in {204, 404}
    raise AssertionError("the messages ended")
