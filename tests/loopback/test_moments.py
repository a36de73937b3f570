"""Moments and reports of a live call over HTTP."""

from __future__ import annotations

import asyncio
import io

import httpx
import pytest
from PIL import Image

from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.recording.document import Report
from stream_guard.recording.moments import MomentKind
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

PICTURE = Caller(width=640, height=360).frame


async def first_moment(http: httpx.AsyncClient, session: str) -> dict[str, object]:
    """Wait until a moment is kept, with its picture."""
    while True:
        answer = await http.get(f"/api/sessions/{session}/moments")
        if answer.status_code == 200:
            for moment in answer.json()["moments"]:
                if moment["has_crop"]:
                    return moment
        await asyncio.sleep(0.1)


def opened(answer: httpx.Response, kind: str) -> Image.Image:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{kind}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return Image.open(io.BytesIO(answer.content))


async def test_a_call_has_moments_with_pictures_and_a_report_in_three_forms() -> None:
    async with (
        Service(Config.make(port=0)) as service,
        WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500) as sender,
        httpx.AsyncClient(trust_env=False, base_url=service.url, timeout=30) as http,
        asyncio.timeout(100),
    ):
        base = f"/api/sessions/{sender.session}"
        moment = await first_moment(http, sender.session)
        assert moment["kind"] == "first_look"
        assert moment["engine"] == service.hello.engine
        place = f"{base}/moments/{moment['n']}"
        assert opened(await http.get(f"{place}.jpg"), "jpeg").size == (176, 176)
        assert max(opened(await http.get(f"{place}/wide.jpg"), "jpeg").size) <= 320
        assert opened(await http.get(f"{place}/patches.png"), "png").size == (352, 352)
        detail = (await http.get(f"{place}.json")).json()
        assert len(detail["patches"]) == 11
        assert len(detail["around"]["t"]) == len(detail["around"]["authenticity"]) > 0

        kept = service.records.keep(sender.session, moment["face"], MomentKind.MARKED, "<b>look</b> here")
        assert kept is not None
        page = await http.get(f"{base}/report.html")
        assert page.headers["content-disposition"].startswith("attachment;")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "&lt;b&gt;look&lt;/b&gt; here" in page.text
        report = Report.model_validate_json((await http.get(f"{base}/report.json")).text)
        assert report.model_sha256 == service.hello.model.sha256
        assert report.recordings[0].live
        assert {one.kind for one in report.recordings[0].moments} >= {MomentKind.FIRST_LOOK, MomentKind.MARKED}
        table = (await http.get(f"{base}/report.csv")).text
        assert table.splitlines()[0].startswith("recording,face,second,")
        assert (await http.get(f"{base}/graph.json")).json() == [], "nobody raised an alarm"
        for missing in (f"{base}/moments/999.jpg", f"{base}/moments/999.json", "/api/sessions/c99/report.html"):
            assert (await http.get(missing)).status_code == 404
