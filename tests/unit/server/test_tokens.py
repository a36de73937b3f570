from __future__ import annotations

import base64

import pytest

from stream_guard.server.tokens import SUBPROTOCOL, Keyring, Scope, needed_scope, shown_token

pytestmark = pytest.mark.unit


def as_subprotocol(token: str) -> str:
    return "stream-guard.token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def test_a_ring_without_tokens_is_none() -> None:
    assert not Keyring()
    assert Keyring(watch="w")


def test_one_token_may_open_two_doors() -> None:
    ring = Keyring(send="both", watch="both")
    assert ring.scopes("both") == {Scope.SEND, Scope.WATCH}
    assert ring.scopes("bot") == ring.scopes("") == frozenset()


def test_every_token_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the first one fits must not show in the time it takes."""
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    ring = Keyring(admin="a", send="somewhat longer", watch="w")
    for shown in ("a", "w", "x" * 1000):
        compared.clear()
        ring.scopes(shown)
        assert compared == [(32, 32)] * 3


@pytest.mark.parametrize("token", ["correct horse", "~~~???>>>", "a", "ab", "abc", "ünïcode"])
def test_a_websocket_shows_its_token_as_a_subprotocol(token: str) -> None:
    assert shown_token({}, [SUBPROTOCOL, as_subprotocol(token)]) == token


@pytest.mark.parametrize(
    "offered", ["stream-guard.token.", "stream-guard.token.*", "stream-guard.token._w", "other"]
)
def test_a_broken_subprotocol_shows_nothing(offered: str) -> None:
    assert shown_token({}, [offered]) == ""


def test_the_header_counts_first() -> None:
    assert shown_token({"authorization": "Bearer  one "}, [as_subprotocol("two")]) == "one"
    assert shown_token({"authorization": "Basic one"}, [as_subprotocol("two")]) == "two"


def test_what_is_not_known_needs_the_most() -> None:
    assert needed_scope("PROPFIND", "/anything") is Scope.ADMIN
    assert needed_scope("GET", "/whipped") is Scope.WATCH
    assert needed_scope("GET", "/whip/secret") is Scope.SEND


def test_whoever_may_read_scores_need_not_see_faces() -> None:
    assert needed_scope("GET", "/api/rehearsal/picture") is Scope.ADMIN
    assert needed_scope("GET", "/api/sessions/c1/self-test/picture") is Scope.ADMIN
    assert needed_scope("GET", "/api/sessions/c1/self-test") is Scope.WATCH
    assert needed_scope("GET", "/api/rehearsal") is Scope.WATCH
    assert needed_scope("POST", "/api/rehearsal") is Scope.ADMIN
    assert needed_scope("GET", "/api/sessions/c1/faces/1/challenge") is Scope.WATCH
    assert needed_scope("POST", "/api/sessions/c1/faces/1/challenge") is Scope.ADMIN
    assert needed_scope("DELETE", "/api/sessions/c1/faces/1/challenge") is Scope.ADMIN
