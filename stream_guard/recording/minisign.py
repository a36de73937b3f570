"""Detached signatures in minisign's format, so that others can check them with a tool they know.

A signature file has four lines: a comment, the Ed25519 signature (RFC 8032) of the file's BLAKE2b digest
(RFC 7693), a comment that is signed too, and the signature over both. Keys are minisign's own: a private key is
kept as it is or under a passphrase (scrypt, RFC 7914). Format: https://jedisct1.github.io/minisign/
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from dataclasses import dataclass, field
from hashlib import blake2b, scrypt
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stream_guard.errors import ConfigError, SignatureError

__all__ = ["PublicKey", "SecretKey", "trusted_comment"]

_ED25519, _PREHASHED = b"Ed", b"ED"
_PLAIN, _SCRYPT, _BLAKE2 = b"\0\0", b"Sc", b"B2"
_TRUSTED = "trusted comment: "
_UNTRUSTED = "untrusted comment: "

_OPERATIONS, _MEMORY = 4_194_304, 134_217_728
"""What a passphrase costs to try, in libsodium's units: scrypt with N = 2^17, r = 8, p = 1, 128 MiB."""

_MOST_MEMORY = 1 << 30
"""Of scrypt, in bytes: what minisign itself asks for. A file that wants more is refused."""

_KEYS = struct.Struct("<8s64s32s")
_SECRET = struct.Struct("<2s2s2s32sQQ104s")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What others need to check a signature.

    Attributes:
        number: tells keys apart, 8 bytes.
        raw: the Ed25519 key, 32 bytes.
    """

    number: bytes
    raw: bytes

    @property
    def name(self) -> str:
        """The key's number as minisign prints it."""
        return self.number[::-1].hex().upper()

    def encode(self) -> str:
        """Return the key file's text."""
        key = base64.b64encode(_ED25519 + self.number + self.raw).decode()
        return f"{_UNTRUSTED}minisign public key {self.name}\n{key}\n"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a key file, or the one line of base64 alone.

        Raises:
            ConfigError: it is no minisign public key.
        """
        lines = text.strip().splitlines()
        try:
            data = base64.b64decode(lines[-1], validate=True) if len(lines) in {1, 2} else b""
        except (binascii.Error, ValueError):
            data = b""
        if len(data) != 42 or data[:2] != _ED25519:
            raise ConfigError("this is no minisign public key: two lines, the second 56 characters of base64")
        return cls(data[2:10], data[10:])

    def verify(self, data: bytes, signature: str) -> str:
        """Check a signature; returns its trusted comment.

        Args:
            data: all the bytes that were signed.
            signature: text of the signature file.

        Raises:
            SignatureError: it is none of this key on these bytes; the message says which part does not hold.
        """
        kind, number, signed, comment, joint = _parts(signature)
        if number != self.number:
            other = number[::-1].hex().upper()
            raise SignatureError(f"signed with another key: {other}, not {self.name}")
        message = blake2b(data).digest() if kind == _PREHASHED else data
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        try:
            key.verify(signed, message)
        except InvalidSignature:
            raise SignatureError("the signature does not fit: one of the two files was changed") from None
        try:
            key.verify(joint, signed + comment.encode())
        except InvalidSignature:
            raise SignatureError("the signature's comment was changed") from None
        return comment


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that signs.

    Attributes:
        public: its other half.
        seed: 32 bytes that must stay secret.
    """

    public: PublicKey
    seed: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make a key from the operating system's randomness."""
        key = Ed25519PrivateKey.generate()
        return cls(PublicKey(secrets.token_bytes(8), key.public_key().public_bytes_raw()), key.private_bytes_raw())

    def sign(self, data: bytes, comment: str) -> str:
        """Return a signature file's text.

        Args:
            data: all the bytes to sign.
            comment: is signed too: one line of printable text.

        Raises:
            ConfigError: the comment is more than a line.
        """
        if not comment.isprintable():
            raise ConfigError("a signature's comment is one line of text")
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        signed = key.sign(blake2b(data).digest())
        joint = key.sign(signed + comment.encode())
        first = base64.b64encode(_PREHASHED + self.public.number + signed).decode()
        return (
            f"{_UNTRUSTED}signature from stream-guard, key {self.public.name}\n{first}\n"
            f"{_TRUSTED}{comment}\n{base64.b64encode(joint).decode()}\n"
        )

    def encode(self, passphrase: str = "") -> str:
        """Return the key file's text, under a passphrase unless that is empty."""
        pair = self.seed + self.public.raw
        keys = _KEYS.pack(self.public.number, pair, _checksum(self.public.number, pair))
        if passphrase:
            salt = secrets.token_bytes(32)
            keys = _mixed(keys, passphrase, salt, _OPERATIONS, _MEMORY)
            packed = _SECRET.pack(_ED25519, _SCRYPT, _BLAKE2, salt, _OPERATIONS, _MEMORY, keys)
        else:
            packed = _SECRET.pack(_ED25519, _PLAIN, _BLAKE2, bytes(32), 0, 0, keys)
        how = "encrypted" if passphrase else "unencrypted"
        return f"{_UNTRUSTED}minisign {how} secret key\n{base64.b64encode(packed).decode()}\n"

    @classmethod
    def decode(cls, text: str, passphrase: str = "") -> Self:
        """Read a key file.

        Raises:
            ConfigError: it is no minisign secret key, or the passphrase is wrong.
        """
        kind, derived, check, salt, operations, memory, keys = _secret_parts(text)
        if kind != _ED25519 or check != _BLAKE2 or derived not in (_PLAIN, _SCRYPT):
            raise ConfigError("this secret key is of a kind that is not known here")
        if derived == _SCRYPT:
            if memory > _MOST_MEMORY:
                raise ConfigError("opening this secret key would take more than 1 GiB of memory")
            keys = _mixed(keys, passphrase, salt, operations, memory)
        number, pair, checksum = _KEYS.unpack(keys)
        # minisign leaves the checksum of an unencrypted key empty; that its two halves fit is told without it.
        if derived == _SCRYPT and not hmac.compare_digest(checksum, _checksum(number, pair)):
            raise ConfigError("the passphrase is wrong")
        if Ed25519PrivateKey.from_private_bytes(pair[:32]).public_key().public_bytes_raw() != pair[32:]:
            raise ConfigError("the secret key is damaged")
        return cls(PublicKey(number, pair[32:]), pair[:32])

    @staticmethod
    def needs_passphrase(text: str) -> bool:
        """Return whether a key file is under a passphrase.

        Raises:
            ConfigError: it is no minisign secret key.
        """
        return _secret_parts(text)[1] == _SCRYPT


def trusted_comment(signature: str) -> str:
    """Return what a signature file says of itself. Nothing is checked: use `PublicKey.verify` for that.

    Raises:
        SignatureError: it is no signature file.
    """
    return _parts(signature)[3]


def _parts(signature: str) -> tuple[bytes, bytes, bytes, str, bytes]:
    """Return kind, key number, signature, trusted comment and joint signature."""
    lines = signature.split("\n")
    try:
        # Nothing may follow: bytes that are not checked could say anything.
        if len(lines) != 5 or lines[4] or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
            raise ValueError
        first, joint = _exactly(lines[1]), _exactly(lines[3])
        if len(first) != 74 or len(joint) != 64 or first[:2] not in (_ED25519, _PREHASHED):
            raise ValueError
    except (binascii.Error, ValueError):
        raise SignatureError("this is no minisign signature, or it is cut short") from None
    return first[:2], first[2:10], first[10:], lines[2].removeprefix(_TRUSTED), joint


def _exactly(line: str) -> bytes:
    """Return what base64 says, if it says it in the one way that leaves no bit unused."""
    data = base64.b64decode(line, validate=True)
    if base64.b64encode(data).decode() != line:
        raise ValueError
    return data


def _secret_parts(text: str) -> tuple[bytes, bytes, bytes, bytes, int, int, bytes]:
    lines = text.strip().splitlines()
    try:
        data = base64.b64decode(lines[1], validate=True) if len(lines) == 2 else b""
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != _SECRET.size:
        raise ConfigError("this is no minisign secret key")
    return _SECRET.unpack(data)


def _checksum(number: bytes, pair: bytes) -> bytes:
    return blake2b(_ED25519 + number + pair, digest_size=32).digest()


def _mixed(keys: bytes, passphrase: str, salt: bytes, operations: int, memory: int) -> bytes:
    """Return the keys under a passphrase, or from under it: both are the same exclusive or."""
    n, p = _costs(operations, memory)
    most = 1024 * (n + p + 2) + (1 << 20)
    stream = scrypt(passphrase.encode(), salt=salt, n=n, r=8, p=p, maxmem=most, dklen=len(keys))
    return bytes(one ^ other for one, other in zip(keys, stream, strict=True))


def _costs(operations: int, memory: int) -> tuple[int, int]:
    """Return scrypt's N and p (r is 8) as libsodium works them out of its two limits."""
    operations = max(operations, 32_768)
    most = operations // 32 if operations < memory // 32 else memory // 1024
    n = 2
    while n <= most // 2:
        n *= 2
    if operations < memory // 32:
        return n, 1
    return n, max(1, operations // 4 // n // 8)
