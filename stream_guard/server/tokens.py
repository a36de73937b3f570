"""Tokens and what each of them lets its holder do."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256

__all__ = ["SUBPROTOCOL", "Keyring", "Scope", "needed_scope", "shown_token"]

SUBPROTOCOL = "stream-guard.v1"
"""What a websocket client may ask for, and must ask for beside its token: a browser wants one of them confirmed."""

_TOKEN_SUBPROTOCOL = "stream-guard.token."
"""Before the token in base64url: a browser's websocket cannot send headers, and an address may be logged."""


_PICTURES = re.compile(r"/api/(sessions/[^/]*/(moments|report|self-test/picture)|rehearsal/picture)\b")
"""What shows faces: who may read scores need not see them."""


class Scope(StrEnum):
    """What somebody may do. The value stands in the refusal (RFC 6750, section 3.1)."""

    SEND = "send"
    """Send a picture by WHIP, and end what was sent."""
    WATCH = "watch"
    """Read scores, counts and metrics."""
    ADMIN = "admin"
    """All of it, pictures included, and end anybody's session."""


class Keyring:
    """The tokens of a server. One without tokens is False, and lets everybody do everything."""

    def __init__(self, *, admin: str | None = None, send: str | None = None, watch: str | None = None) -> None:
        """Take the tokens; the same one may be given for two scopes, and opens both then.

        Args:
            admin: opens everything.
            send: opens WHIP.
            watch: opens scores, counts and metrics.
        """
        given = ((admin, frozenset(Scope)), (send, frozenset({Scope.SEND})), (watch, frozenset({Scope.WATCH})))
        # Digests are of one length: comparing them does not tell how long a token is.
        self._keys = tuple((_digest(token), scopes) for token, scopes in given if token is not None)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def scopes(self, token: str) -> frozenset[Scope]:
        """Return what a token opens; nothing where it is none of ours.

        Takes equally long for every token: each is compared in constant time, and none is passed over.
        """
        shown = _digest(token)
        found: frozenset[Scope] = frozenset()
        for digest, scopes in self._keys:
            if hmac.compare_digest(shown, digest):
                found |= scopes
        return found


def needed_scope(method: str, path: str) -> Scope:
    """Return what a request needs; whatever is not known needs the most."""
    if path == "/whip" or path.startswith("/whip/"):
        return Scope.SEND
    if _PICTURES.match(path):
        return Scope.ADMIN
    return Scope.WATCH if method in {"GET", "HEAD"} else Scope.ADMIN


def shown_token(headers: Mapping[str, str], subprotocols: Iterable[str] = ()) -> str:
    """Return the token a client shows; empty where it shows none.

    Args:
        headers: with small letters; ``Authorization: Bearer TOKEN`` is looked for (RFC 6750, section 2.1).
        subprotocols: a websocket's; ``stream-guard.token.`` and the token in base64url, without padding.
    """
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for offered in subprotocols:
        coded = offered.removeprefix(_TOKEN_SUBPROTOCOL)
        if coded != offered:
            try:
                return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
            except (binascii.Error, ValueError):
                return ""
    return ""


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
