"""Vouching for a face over HTTP."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from stream_guard.server.health import health_routes

pytestmark = pytest.mark.unit


async def test_a_face_is_vouched_for_by_its_session_and_number() -> None:
    asked: list[tuple[str, int]] = []

    def trust(session: str, face: int) -> bool:
        asked.append((session, face))
        return face == 3

    async def stop(session: str) -> None:
        raise AssertionError("nobody asked for that")

    def hello() -> None:
        raise AssertionError("nobody asked for that")

    routes = health_routes(
        hello=hello,  # type: ignore[arg-type]
        sessions=lambda: ("c1",),
        stats=lambda session: None,
        stop=stop,
        trust=trust,
        metrics=lambda: b"",
    )
    transport = httpx.ASGITransport(app=Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.post("/api/sessions/c1/faces/3/trust")).status_code == 204
        refused = await http.post("/api/sessions/c1/faces/4/trust")
        assert (refused.status_code, refused.text) == (404, "no such face, or too little was seen of it\n")
        assert (await http.get("/api/sessions/c1/faces/3/trust")).status_code == 405
        assert (await http.post("/api/sessions/c1/faces/x/trust")).status_code == 404
    assert asked == [("c1", 3), ("c1", 4)]
