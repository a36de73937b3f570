"""Plain HTTP about the running server: is it alive, what is it doing, its metrics, the wire's schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stream_guard import __version__, protocol
from stream_guard.protocol.messages import Hello, Stats

__all__ = ["health_routes"]

_SCHEMA = Path(protocol.__file__).with_name("schema.json")


def health_routes(
    *,
    hello: Callable[[], Hello],
    sessions: Callable[[], Sequence[str]],
    stats: Callable[[str], Stats | None],
    stop: Callable[[str], Awaitable[None]],
    trust: Callable[[str, int], bool],
    metrics: Callable[[], bytes],
) -> list[Route]:
    """Return the routes.

    Args:
        hello: what runs here, as it stands now.
        sessions: ids of the running sessions.
        stats: the newest counts of one of them.
        stop: ends one of them.
        trust: takes a face of one of them for real, at somebody's word; returns whether it could.
        metrics: Prometheus text format 0.0.4.
    """

    async def alive(request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "sessions": len(sessions())})

    async def listing(request: Request) -> Response:
        counts = {session: stats(session) for session in sessions()}
        return JSONResponse(
            {
                "hello": hello().model_dump(mode="json"),
                "sessions": {
                    session: count.model_dump(mode="json") if count else None for session, count in counts.items()
                },
            }
        )

    async def end(request: Request) -> Response:
        session = request.path_params["session"]
        if session not in sessions():
            return PlainTextResponse("no such session\n", 404)
        await stop(session)
        return Response(status_code=204)

    async def vouch(request: Request) -> Response:
        if not trust(request.path_params["session"], request.path_params["face"]):
            return PlainTextResponse("no such face, or too little was seen of it\n", 404)
        return Response(status_code=204)

    async def scrape(request: Request) -> Response:
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def wire(request: Request) -> Response:
        return FileResponse(_SCHEMA, media_type="application/schema+json")

    return [
        Route("/healthz", alive),
        Route("/api/sessions", listing),
        Route("/api/sessions/{session}", end, methods=["DELETE"]),
        Route("/api/sessions/{session}/faces/{face:int}/trust", vouch, methods=["POST"]),
        Route("/api/schema.json", wire),
        Route("/metrics", scrape),
    ]
