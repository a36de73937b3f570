"""Keys on disk, and signatures beside the files they are of."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from stream_guard.errors import ConfigError, SignatureError, printable
from stream_guard.recording.minisign import PublicKey, SecretKey

__all__ = [
    "SUFFIX",
    "Verified",
    "check_input",
    "file_sha256",
    "inputs",
    "is_locked",
    "key_path",
    "make_keys",
    "read_public",
    "read_secret",
    "sign",
    "verify",
]

SUFFIX = ".minisig"
"""Of a signature's file, after the whole name of what is signed."""

_TIMESTAMP = re.compile(r"timestamp:(\d{1,11})\b")
_INPUT = re.compile(rb'data-input-sha256="([0-9a-f]{64})"')

_LARGEST_KEY = 4096
_LARGEST_REPORT = 1 << 28


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds.

    Attributes:
        key: that it was made with.
        comment: what was signed beside the file: its name, and when.
    """

    key: PublicKey
    comment: str

    @property
    def signed(self) -> int | None:
        """Seconds since 1970, as the signer's clock had it; None where the comment does not say."""
        match = _TIMESTAMP.match(self.comment)
        return int(match[1]) if match else None


def key_path() -> Path:
    """Return where the user's private key lies where no other is named; the public one beside it ends in ``.pub``.

    Raises:
        ConfigError: there is no home folder.
    """
    try:
        if sys.platform == "win32":
            root = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        elif sys.platform == "darwin":
            root = Path.home() / "Library" / "Application Support"
        else:
            root = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError as error:
        raise ConfigError("there is no home folder to look for keys in: name a key file") from error
    return root / "stream-guard" / "report.key"


def make_keys(path: Path, passphrase: str = "") -> PublicKey:
    """Make a key pair: the private one for this user alone (mode 0600), the public one beside it.

    Args:
        path: of the private key; the public one's ends in ``.pub``.
        passphrase: the private key is kept under it, unless it is empty.

    Raises:
        ConfigError: one of the files exists, or cannot be written.
    """
    secret = SecretKey.new()
    public = path.with_suffix(".pub")
    if public == path:
        raise ConfigError("a private key's file cannot end in .pub: that is the public one's")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if public.exists():
            raise FileExistsError(None, None, str(public))
        _write(path, secret.encode(passphrase), mode=0o600)
        _write(public, secret.public.encode(), mode=0o644)
    except FileExistsError as error:
        raise ConfigError(
            f"{error.filename} exists; what it signed could no longer be checked without it"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
    return secret.public


def read_secret(path: Path, passphrase: str = "") -> SecretKey:
    """Read a private key.

    Raises:
        ConfigError: the file cannot be read, is none, or the passphrase is wrong.
    """
    return SecretKey.decode(_read(path), passphrase)


def read_public(key: str) -> PublicKey:
    """Read a public key: a file's path, or the line of base64 itself.

    Raises:
        ConfigError: it is neither.
    """
    try:
        return PublicKey.decode(key)
    except ConfigError:
        return PublicKey.decode(_read(Path(key)))


def sign(path: Path, key: SecretKey) -> Path:
    """Sign a file; returns the signature's path: the file's, and ``.minisig``.

    Raises:
        ConfigError: one of the two cannot be read or written.
    """
    target = path.with_name(path.name + SUFFIX)
    # As minisign itself words it; what does not fit into a line of text is left out of the name.
    name = "".join(letter for letter in path.name if letter.isprintable())
    now = datetime.now(UTC)
    comment = f"timestamp:{int(now.timestamp())} file:{name} hashed"
    try:
        target.write_text(key.sign(path.read_bytes(), comment), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"cannot sign {path}: {error.strerror or error}") from error
    return target


def verify(path: Path, key: PublicKey, signature: Path | None = None) -> Verified:
    """Check a file's signature.

    Args:
        path: of the file.
        key: that it must be signed with.
        signature: its file; where left out the one beside it.

    Raises:
        ConfigError: the file cannot be read.
        SignatureError: the signature is missing, torn, or none of that key on these bytes.
    """
    beside = signature or path.with_name(path.name + SUFFIX)
    try:
        if path.stat().st_size > _LARGEST_REPORT:
            raise ConfigError(f"{path} is larger than any report")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        text = beside.read_bytes()[: _LARGEST_KEY * 2].decode()
    except FileNotFoundError:
        raise SignatureError(f"there is no signature: {beside} is missing") from None
    except OSError as error:
        raise ConfigError(f"cannot read {beside}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise SignatureError(f"{beside} is no minisign signature, or it is cut short") from None
    return Verified(key, key.verify(data, text))


def check_input(report: Path, recording: Path) -> None:
    """Check that a recording is one that a report is about; check the report's own signature first.

    Raises:
        ConfigError: one of the two cannot be read.
        SignatureError: the report is about other recordings.
    """
    try:
        known, digest = inputs(report), file_sha256(recording)
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror or error}") from error
    if digest not in known:
        raise SignatureError(f"the report is not about {recording}, or that was changed (SHA-256 {digest})")


def inputs(report: Path) -> set[str]:
    """Return the SHA-256 of every recording a report is about: those that stand in it as such, not in other text.

    Raises:
        OSError: it cannot be read.
    """
    data = report.read_bytes()
    kind = report.suffix.lower()
    if kind == ".json":
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            return {one["sha256"] for one in json.loads(data)["recordings"] if one["sha256"]}
        return set()
    if kind == ".csv":
        rows = csv.DictReader(io.StringIO(data.decode("utf-8", "replace")))
        with contextlib.suppress(csv.Error):
            return {row["recording_sha256"] for row in rows if row.get("recording_sha256")}
        return set()
    # Quotation marks in text are escaped, so nothing but the page's own attribute reads like this.
    return {match.decode() for match in _INPUT.findall(data)}


def is_locked(path: Path) -> bool:
    """Return whether a private key is under a passphrase.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    return SecretKey.needs_passphrase(_read(path))


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal; it is read piece by piece.

    Raises:
        OSError: it cannot be read.
    """
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LARGEST_KEY)
    except OSError as error:
        raise ConfigError(f"cannot read the key {printable(str(path))}: {error.strerror}") from error
    except ValueError:
        raise ConfigError(f"{printable(str(path))} is no minisign key") from None


def _write(path: Path, text: str, *, mode: int) -> None:
    """Write a file that is not there yet."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
