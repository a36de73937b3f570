"""Who may see moments and reports, and what they come with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from stream_guard.models.store import default_model
from stream_guard.recording.compose import settings
from stream_guard.recording.formats import MEDIA_TYPES
from stream_guard.recording.live import LiveRecords
from stream_guard.recording.picture import patch_overlay
from stream_guard.recording.report import CONTENT_POLICY
from stream_guard.server.auth import Gate
from stream_guard.server.moments import moment_routes
from stream_guard.server.tokens import Keyring
from tests.unit.recording.scenes import LIVE, face_score, scored

pytestmark = pytest.mark.unit

_, MANIFEST = default_model()
ADMIN = {"authorization": "Bearer admin-token-of-tests"}
WATCH = {"authorization": "Bearer watch-token-of-tests"}
FACES = ("moments", "moments/1.json", "moments/1.jpg", "moments/1/wide.jpg", "moments/1/patches.png")
REPORTS = ("report.html", "report.json", "report.csv")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A server that keeps no moments, with one session in which a face was seen."""
    records = LiveRecords(
        manifest=MANIFEST,
        engine=lambda: "scripted",
        settings=lambda: settings(MANIFEST, false_alarms_per_hour=1.0, engine="scripted"),
        crop=None,
    )
    records.session_changed(LIVE, "live")
    records.frame_scored(LIVE, scored(0, face_score()))
    routes = moment_routes(records, overlay=patch_overlay, media_types=MEDIA_TYPES, page_policy=CONTENT_POLICY)
    keys = Keyring(admin="admin-token-of-tests", watch="watch-token-of-tests")
    site = Gate(Starlette(routes=routes), host="127.0.0.1", tokens=keys)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(site), base_url="http://127.0.0.1/api/sessions/c1/"
    ) as client:
        yield client
    records.close()


@pytest.mark.parametrize("path", [*FACES, *REPORTS])
async def test_faces_need_the_token_that_opens_everything(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 401
    assert (await http.get(path, headers=WATCH)).status_code == 403
    assert (await http.get(path, headers={**ADMIN, "origin": "http://evil.example"})).status_code == 403
    assert (await http.get(path, headers={**ADMIN, "host": "evil.example"})).status_code == 421


async def test_scores_alone_need_no_more_than_watching(http: httpx.AsyncClient) -> None:
    answer = await http.get("graph.json", headers=WATCH)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("path", REPORTS)
async def test_a_report_is_a_download_that_nobody_keeps(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers=ADMIN)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="stream-guard-c1.{path[7:]}"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if path.endswith("html"):
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert "that was turned off" in answer.text
        assert "<img" not in answer.text


async def test_turned_off_is_told_from_nothing_yet(http: httpx.AsyncClient) -> None:
    told = (await http.get("moments", headers=ADMIN)).json()
    assert (told["kept"], told["moments"]) == (False, [])


@pytest.mark.parametrize("path", [*FACES[1:], "../c2/moments", "../c2/report.html", "../c2/graph.json"])
async def test_what_is_not_there_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path, headers=ADMIN)).status_code == 404
