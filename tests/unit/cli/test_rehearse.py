"""The command line follows a rehearsal to its end, and says in one line what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from typer.testing import CliRunner

from stream_guard.cli import app, rehearse
from stream_guard.errors import StreamGuardError
from stream_guard.protocol.messages import Rehearsal

pytestmark = pytest.mark.unit

RUNNING = Rehearsal(session="c1", t=1.0, state="running", remaining_s=4.0, swapped_s=0.0)
NOTICED = RUNNING.model_copy(
    update={"state": "done", "remaining_s": 0.0, "alarmed_after_s": 1.6, "words": ("The detector is awake.",)}
)
MISSED = NOTICED.model_copy(update={"alarmed_after_s": None, "words": ("The detector did not notice it.",)})


def server(answers: Iterator[httpx.Response], asked: list[tuple[str, str, bytes]]) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, request.content))
        return next(answers)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1")


def said(status: int, message: Rehearsal) -> httpx.Response:
    return httpx.Response(status, text=message.model_dump_json())


async def test_it_is_followed_from_beginning_to_end() -> None:
    asked: list[tuple[str, str, bytes]] = []
    shown: list[Rehearsal] = []
    answers = iter([said(201, RUNNING), said(200, RUNNING), said(200, NOTICED)])
    async with server(answers, asked) as http:
        result = await rehearse.play(http, "c1", 4.0, show=shown.append, poll_s=0.0)
    assert result == NOTICED
    assert shown == [RUNNING, RUNNING, NOTICED]
    assert asked[0] == ("POST", "/api/rehearsal", b'{"session":"c1","seconds":4.0}')
    assert [one[:2] for one in asked[1:]] == [("GET", "/api/rehearsal")] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            httpx.Response(409, text="more than one session is running\n"),
            "refuses: more than one session is running",
        ),
        (httpx.Response(403), "refuses: 403"),
        (httpx.Response(201, text="<html>"), "did not say how the rehearsal ended"),
    ],
)
async def test_a_refusal_is_one_line(answer: httpx.Response, words: str) -> None:
    async with server(iter([answer]), []) as http:
        with pytest.raises(StreamGuardError, match=words):
            await rehearse.play(http, None, 4.0, show=lambda message: None, poll_s=0.0)


@pytest.mark.parametrize(("result", "code"), [(NOTICED, 0), (MISSED, 1)])
def test_the_exit_code_says_whether_it_was_noticed(
    monkeypatch: pytest.MonkeyPatch, result: Rehearsal, code: int
) -> None:
    async def run(url: str, session: str | None, seconds: float, token: str | None) -> Rehearsal:
        assert (url, session, seconds) == ("http://127.0.0.1:9", "c2", 5.0)
        return result

    monkeypatch.setattr(rehearse, "_run", run)
    done = CliRunner().invoke(app, ["rehearse", "http://127.0.0.1:9", "--session", "c2", "--seconds", "5"])
    assert done.exit_code == code
    assert result.words[0] in done.output


def test_without_a_server_the_reason_is_said() -> None:
    done = CliRunner().invoke(app, ["rehearse", "http://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "nothing answers at http://127.0.0.1:1" in done.output
