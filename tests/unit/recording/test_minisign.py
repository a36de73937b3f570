"""Signatures: nothing that was changed passes, and minisign itself agrees."""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.errors import ConfigError, SignatureError
from stream_guard.recording.minisign import PublicKey, SecretKey, trusted_comment

pytestmark = pytest.mark.unit

patient = settings(deadline=None)  # others may be busy on the same machine

KEY = SecretKey.new()
OTHER = SecretKey.new()
REPORT = b"<!doctype html>" + bytes(range(256)) * 4
SIGNATURE = KEY.sign(REPORT, "timestamp:1 file:r.html hashed")

# Made by minisign 0.11 (`-G -W`, `-S -t`), the key used for nothing else.
THEIR_PUBLIC = "RWSVA/ppTZYdZwDklOey+A/pNw4/XCRoUNmsrrNmbNnlb7r0yBZD4/D2"
THEIR_SECRET = (
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlQP6aU2WHWc+vNVu4KBuTsQO02wQ"
    "mfIHd+L03FhIozeB7zHRTouqHwDklOey+A/pNw4/XCRoUNmsrrNmbNnlb7r0yBZD4/D2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAA=\n"
)
THEIR_SIGNATURE = (
    "untrusted comment: signature from minisign secret key\n"
    "RUSVA/ppTZYdZy0zVJnrVEi53KMGe6PLraFb4xKw7SPxShljHxLThEc5z/+QswK45ybkV1aKz4uUIMWuz22FNkMNmQK/DGA7gwg=\n"
    "trusted comment: comment here\n"
    "2cinZAnPbpHWYyV+YZH2YtyQ9pb+PDvWP5Whp05Hey4B1/eAtRl3mA3s/3aoBpK2gRjTr+Zl/5Fj41u+AD88Bw==\n"
)


@pytest.fixture(scope="module")
def minisign() -> str:
    path = shutil.which("minisign")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("minisign is not installed")
        pytest.skip("minisign is not installed")
    return path


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_what_was_signed_is_verified_with_its_comment() -> None:
    assert KEY.public.verify(REPORT, SIGNATURE) == "timestamp:1 file:r.html hashed"
    assert PublicKey.decode(KEY.public.encode()) == KEY.public


@patient
@given(st.integers(0, len(REPORT) * 8 - 1))
def test_a_report_with_any_bit_flipped_is_refused(bit: int) -> None:
    with pytest.raises(SignatureError, match="was changed"):
        KEY.public.verify(flipped(REPORT, bit), SIGNATURE)


FIRST = len(SIGNATURE.split("\n")[0]) + 1
"""Where the signed part begins: the first comment is open to everybody, and says so."""


@patient
@given(st.integers(FIRST * 8, len(SIGNATURE) * 8 - 1))
def test_a_signature_with_any_bit_flipped_is_refused(bit: int) -> None:
    text = flipped(SIGNATURE.encode(), bit).decode("latin-1")
    with pytest.raises(SignatureError):
        KEY.public.verify(REPORT, text)


@patient
@given(st.integers(0, len(SIGNATURE) - 1))
def test_a_truncated_signature_is_refused(length: int) -> None:
    with pytest.raises(SignatureError):
        KEY.public.verify(REPORT, SIGNATURE[:length])


@patient
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_no_text_makes_a_reader_stumble(text: str) -> None:
    for read in (lambda: KEY.public.verify(REPORT, text), lambda: trusted_comment(text)):
        with pytest.raises(SignatureError):
            read()
    for read_key in (PublicKey.decode, SecretKey.decode):
        with pytest.raises(ConfigError):
            read_key(text)


def test_another_key_another_report_and_added_lines_are_refused() -> None:
    with pytest.raises(SignatureError, match="another key"):
        OTHER.public.verify(REPORT, SIGNATURE)
    posing = PublicKey(KEY.public.number, OTHER.public.raw)
    with pytest.raises(SignatureError, match="was changed"):
        posing.verify(REPORT, SIGNATURE)
    with pytest.raises(SignatureError, match="was changed"):
        KEY.public.verify(b"another report", SIGNATURE)
    with pytest.raises(SignatureError, match="no minisign signature"):
        KEY.public.verify(REPORT, SIGNATURE + "more\n")


def test_a_comment_from_another_signature_is_refused() -> None:
    lines, others = SIGNATURE.split("\n"), KEY.sign(REPORT, "timestamp:2 file:r.html hashed").split("\n")
    with pytest.raises(SignatureError, match="comment was changed"):
        KEY.public.verify(REPORT, "\n".join([*lines[:2], others[2], lines[3], ""]))


def test_a_comment_is_one_line() -> None:
    with pytest.raises(ConfigError, match="one line"):
        KEY.sign(REPORT, "a\nb")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a passphrase cost little: 16 MiB, libsodium's least."""
    monkeypatch.setattr("stream_guard.recording.minisign._OPERATIONS", 524_288)
    monkeypatch.setattr("stream_guard.recording.minisign._MEMORY", 16_777_216)


@pytest.mark.usefixtures("cheap")
def test_a_key_under_a_passphrase_opens_with_that_alone() -> None:
    text = KEY.encode("correct horse")
    assert SecretKey.needs_passphrase(text)
    assert not SecretKey.needs_passphrase(KEY.encode())
    assert SecretKey.decode(text, "correct horse") == KEY
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        SecretKey.decode(text, "wrong horse")
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)


@settings(max_examples=25, deadline=None)
@given(st.integers(62 * 8, 126 * 8 - 1))
def test_a_damaged_key_is_told_before_it_signs(bit: int) -> None:
    head, line, _ = KEY.encode().split("\n")
    damaged = base64.b64encode(flipped(base64.b64decode(line), bit)).decode()
    with pytest.raises(ConfigError, match="damaged"):
        SecretKey.decode(f"{head}\n{damaged}\n")


@pytest.mark.usefixtures("cheap")
def test_a_key_file_cannot_ask_for_all_memory() -> None:
    data = bytearray(base64.b64decode(KEY.encode("x" * 8).split("\n")[1]))
    struct.pack_into("<QQ", data, 38, 1 << 40, 1 << 40)
    with pytest.raises(ConfigError, match="1 GiB"):
        SecretKey.decode(f"untrusted comment: x\n{base64.b64encode(data).decode()}\n", "x")


def test_keys_and_signatures_of_minisign_are_read() -> None:
    public = PublicKey.decode(THEIR_PUBLIC)
    assert public.name == "671D964D69FA0395"
    assert public.verify(b"hello\n", THEIR_SIGNATURE) == trusted_comment(THEIR_SIGNATURE) == "comment here"
    assert SecretKey.decode(THEIR_SECRET).public == public


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_minisign_itself_reads_ours_and_we_read_its(minisign: str, tmp_path: Path, passphrase: str) -> None:
    report, public, secret = tmp_path / "r.html", tmp_path / "k.pub", tmp_path / "k.key"
    signature = tmp_path / "r.html.minisig"
    report.write_bytes(REPORT)
    public.write_text(KEY.public.encode())
    secret.write_text(KEY.encode(passphrase))
    signature.write_text(SIGNATURE)
    check = [minisign, "-Vm", str(report), "-p", str(public)]
    said = subprocess.run(check, capture_output=True, text=True, check=True, timeout=15)
    assert "timestamp:1 file:r.html hashed" in said.stdout
    subprocess.run(
        [minisign, "-Sm", str(report), "-s", str(secret), "-t", "theirs"],
        input=f"{passphrase}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=15,
    )
    assert KEY.public.verify(REPORT, signature.read_text()) == "theirs"
    report.write_bytes(flipped(REPORT, 99))
    assert subprocess.run(check, capture_output=True, check=False, timeout=15).returncode == 1
