"""Encrypted connections, and certificates that are none."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stream_guard import client
from stream_guard.errors import ConfigError
from stream_guard.server import listener
from stream_guard.server.tokens import Keyring
from tests.hostile.conftest import HELLO, site

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]


def write_key(path: Path, key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> Path:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=locked
        )
    )
    return path


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def cert(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "cert.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_pages_and_scores_are_encrypted(
    nothing_left: None,
    cert: Path,
    key: ec.EllipticCurvePrivateKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    tls_key = write_key(tmp_path / "key.pem", key)
    async with site(tls_cert=cert, tls_key=tls_key, tokens=Keyring(admin="correct horse")) as (_, port):
        trusting = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(trust_env=False, verify=trusting) as http:
            assert (await http.get(f"https://127.0.0.1:{port}/pages/icon.svg")).status_code == 200
        async with aclosing(client.messages(f"https://127.0.0.1:{port}", token="correct horse")) as messages:
            assert await anext(messages) == HELLO
        old = ssl.create_default_context(cafile=str(cert))
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)


async def test_whoever_dawdles_before_tls_begins_is_cut(
    nothing_left: None,
    cert: Path,
    key: ec.EllipticCurvePrivateKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_HANDSHAKE_LIMIT_S", 0.3)
    async with site(tls_cert=cert, tls_key=write_key(tmp_path / "key.pem", key)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_what_is_no_certificate_is_said_in_one_line(
    cert: Path, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    other = write_key(tmp_path / "other.pem", ec.generate_private_key(ec.SECP256R1()))
    locked = write_key(tmp_path / "locked.pem", key, b"secret")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no PEM")
    for pair, said in (
        ((cert, tmp_path / "absent.pem"), "there is no file .*absent"),
        ((tmp_path / "absent.pem", None), "there is no file .*absent"),
        ((cert, other), "key values mismatch"),
        ((cert, locked), "without a password"),
        ((nonsense, None), "cannot be used for TLS"),
        ((cert, None), "cannot be used for TLS"),
        ((tmp_path, None), "cannot be"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            async with site(tls_cert=pair[0], tls_key=pair[1]):
                pass
        assert "\n" not in str(caught.value)
