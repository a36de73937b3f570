"""A session's moments and reports over HTTP. What shows faces needs the token that opens everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

__all__ = ["Picture", "Records", "moment_routes"]

Kind = Literal["html", "json", "csv"]


class Picture(Protocol):
    """One moment's pictures."""

    @property
    def crop(self) -> bytes:
        """JPEG, as the model saw the face; empty where there is none."""

    @property
    def wide(self) -> bytes:
        """JPEG of the face with its surroundings; empty where there is none."""

    @property
    def patches(self) -> NDArray[np.float32] | None:
        """Log-likelihood ratios of the crop's regions, float32, shape (rows, columns)."""


class Records(Protocol):
    """What is remembered of sessions; see `stream_guard.recording.live.LiveRecords`. None: not known."""

    def moments(self, session: str) -> dict[str, Any] | None:
        """Return all moments of a session, without pictures."""
        ...

    def moment(self, session: str, n: int) -> dict[str, Any] | None:
        """Return one, with the scores around it."""
        ...

    def picture(self, session: str, n: int) -> Picture | None:
        """Return one with its pictures."""
        ...

    def report(self, session: str, kind: Kind) -> Callable[[], bytes] | None:
        """Return what makes the report; it takes a moment, so it is called in a thread."""
        ...

    def graph(self, session: str) -> list[dict[str, Any]] | None:
        """Return the bodies for Microsoft Graph."""
        ...


def moment_routes(
    records: Records,
    *,
    overlay: Callable[[bytes, NDArray[np.float32]], bytes],
    media_types: dict[Kind, str],
    page_policy: str,
) -> list[Route]:
    """Return the routes.

    Args:
        records: of the sessions.
        overlay: lays a patch map over a crop; PNG. Called in a thread.
        media_types: of the kinds of reports.
        page_policy: Content-Security-Policy of a report that is a page.
    """

    async def listing(request: Request) -> Response:
        found = records.moments(request.path_params["session"])
        return _unknown() if found is None else JSONResponse(found)

    async def one(request: Request) -> Response:
        found = records.moment(request.path_params["session"], request.path_params["n"])
        return _unknown() if found is None else JSONResponse(found)

    async def crop(request: Request) -> Response:
        found = records.picture(request.path_params["session"], request.path_params["n"])
        return _unknown() if found is None or not found.crop else Response(found.crop, media_type="image/jpeg")

    async def wide(request: Request) -> Response:
        found = records.picture(request.path_params["session"], request.path_params["n"])
        return _unknown() if found is None or not found.wide else Response(found.wide, media_type="image/jpeg")

    async def patches(request: Request) -> Response:
        found = records.picture(request.path_params["session"], request.path_params["n"])
        if found is None or not found.crop or found.patches is None:
            return _unknown()
        return Response(await run_in_threadpool(overlay, found.crop, found.patches), media_type="image/png")

    async def report(request: Request, kind: Kind) -> Response:
        session = request.path_params["session"]
        make = records.report(session, kind)
        if make is None:
            return _unknown()
        # The id is known, so it is one that we gave: c and a number.
        headers = {"content-disposition": f'attachment; filename="stream-guard-{session}.{kind}"'}
        if kind == "html":
            headers["content-security-policy"] = page_policy
        return Response(await run_in_threadpool(make), media_type=media_types[kind], headers=headers)

    async def graph(request: Request) -> Response:
        found = records.graph(request.path_params["session"])
        return _unknown() if found is None else JSONResponse(found)

    base = "/api/sessions/{session}"
    return [
        Route(f"{base}/moments", listing),
        Route(f"{base}/moments/{{n:int}}.json", one),
        Route(f"{base}/moments/{{n:int}}.jpg", crop),
        Route(f"{base}/moments/{{n:int}}/wide.jpg", wide),
        Route(f"{base}/moments/{{n:int}}/patches.png", patches),
        Route(f"{base}/report.html", partial(report, kind="html")),
        Route(f"{base}/report.json", partial(report, kind="json")),
        Route(f"{base}/report.csv", partial(report, kind="csv")),
        Route(f"{base}/graph.json", graph),
    ]


def _unknown() -> Response:
    return PlainTextResponse("no such session, moment or picture; it may have been let go\n", 404)
