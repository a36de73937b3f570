"""A report that somebody hands on, its signature and a key: `stream_guard.recording.signing` and `minisign`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_guard.errors import ConfigError, SignatureError
from stream_guard.recording import signing
from stream_guard.recording.minisign import SecretKey
from tests.fuzz.target import Run, Target, one_line

_SPLIT = b"\n----\n"
_KEY = SecretKey.new()
_JSON = b'{"recordings":[{"sha256":"' + b"ab" * 32 + b'"}]}'


def _check(folder: Path, data: bytes) -> None:
    report, _, rest = data.partition(_SPLIT)
    signature, _, key = rest.partition(_SPLIT)
    (folder / "report.minisig").write_bytes(signature)
    for ending in ("json", "csv", "html"):
        path = folder / f"report.{ending}"
        path.write_bytes(report)
        try:
            verified = signing.verify(path, _KEY.public, folder / "report.minisig")
        except (ConfigError, SignatureError) as error:
            one_line(error)
        else:
            assert verified.comment == "by hand"
        try:
            signing.check_input(path, path)
        except (ConfigError, SignatureError) as error:
            one_line(error)
    try:
        signing.read_public(key.decode(errors="replace"))
    except ConfigError as error:
        one_line(error, at_most=len(key) + 500)


@contextmanager
def opened() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield lambda data: _check(Path(folder), data)


TARGET = Target(
    "report",
    opened,
    (
        _JSON + _SPLIT + _KEY.sign(_JSON, "by hand").encode() + _SPLIT + _KEY.public.encode().encode(),
        b"a,recording_sha256\n1," + b"ab" * 32 + b"\n" + _SPLIT + _SPLIT + b"key.pub",
        b"[" * 3000 + _SPLIT,
    ),
    ("stream_guard.recording.signing", "stream_guard.recording.minisign"),
    (_SPLIT, b'"recordings":', b'"sha256":', b"\0", b'"', b"trusted comment: ", b"untrusted comment: ", b"[" * 500),
)
