"""The OBS script's own websocket client, against a real server and against bytes."""

from __future__ import annotations

import ast
import contextlib
import io
import socket
import ssl
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from stream_guard.protocol.messages import Subscribe
from tests.unit.plugins.conftest import SCRIPT, import_script
from tests.unit.plugins.fake_obs import FakeObs
from tests.unit.plugins.server import HELLO, Server

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]

_SCRIPT = import_script(FakeObs("Call"))


def wait_for(look: Callable[[], object], limit_s: float = 12.0) -> None:
    end_s = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < end_s, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def script() -> ModuleType:
    return import_script(FakeObs("Call"))


@pytest.fixture
def server() -> Server:
    return Server()


class Following:
    """A follower at work."""

    def __init__(self, script: Any, address: str, token: str = "") -> None:
        self.watch = script.Watch()
        self.follower = script.Follower(script.parse_address(address, token), self.watch)

    def __enter__(self) -> Following:
        self.follower.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.stop(10)
        assert not self.follower.is_alive()

    def kind(self) -> str:
        return str(self.watch.standing(time.monotonic()).kind)

    def problem(self) -> str:
        return str(self.watch.standing(time.monotonic()).problem)


def test_it_greets_subscribes_and_hears(script: ModuleType, server: Server) -> None:
    with server.running(), Following(script, f"127.0.0.1:{server.port}", "s3cret-token") as following:
        wait_for(lambda: following.kind() == "starting")
        assert server.headers == [(f"127.0.0.1:{server.port}", "Bearer s3cret-token")]
        assert server.wishes == [Subscribe(types=("scores", "session"), max_rate=10)]
        assert following.watch.server() == "stream-guard 0.1.0 on onnxruntime, model default"
        assert following.watch.sessions() == ["c1"]


def test_obs_waits_for_its_end_less_than_a_second(script: ModuleType) -> None:
    waited: list[float] = []
    follower = script.Follower(script.parse_address("127.0.0.1"), script.Watch())
    follower.is_alive, follower.join = lambda: True, waited.append
    follower.stop()
    assert waited == [0.7]


def test_it_comes_back_after_the_longest_wait(script: ModuleType, server: Server) -> None:
    assert script.Follower.LAST_WAIT_S == 2
    with server.running():
        following = Following(script, f"127.0.0.1:{server.port}")
        following.follower.start()
        wait_for(lambda: following.kind() == "starting")
    wait_for(lambda: following.kind() == "lost")
    wait_for(lambda: following.problem() == f"no answer from 127.0.0.1:{server.port}: does it run?")
    time.sleep(2.5)  # the wait between attempts has grown to its longest
    with server.running():
        wait_for(lambda: following.kind() == "starting")
        following.follower.stop(10)


def test_a_server_that_falls_silent_counts_as_lost(script: ModuleType) -> None:
    """It accepts and greets, and then not even a pong comes: a machine that is gone, or a server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        following = Following(script, f"127.0.0.1:{listening.getsockname()[1]}")
        following.follower.start()
        peer, _ = listening.accept()
        key = next(
            line[19:] for line in peer.recv(4096).decode().splitlines() if line.startswith("Sec-WebSocket-Key")
        )
        answer = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        peer.sendall(answer.encode() + Frame(Opcode.TEXT, HELLO.encode()).serialize(mask=False))
        wait_for(lambda: following.kind() == "no_call")
        wait_for(lambda: following.kind() == "lost")
        following.follower.stop(10)
        peer.close()


def test_a_wrong_token_is_said(script: ModuleType, server: Server) -> None:
    server.goodbye = (4401, "show the server's token")
    with server.running(), Following(script, f"127.0.0.1:{server.port}") as following:
        wait_for(lambda: following.problem() == "the server wants its token")


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND])
def test_a_refusal_is_said(script: ModuleType, server: Server, status: HTTPStatus) -> None:
    server.status = status
    words = f"what answers there is not stream-guard, or refuses ({status.value})"
    with server.running(), Following(script, f"127.0.0.1:{server.port}") as following:
        wait_for(lambda: following.problem() == words)


def test_a_certificate_that_nobody_vouches_for_is_said(script: ModuleType, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, today - timedelta(1), today + timedelta(1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        following = Following(script, f"https://127.0.0.1:{port}")
        following.follower.start()
        peer, _ = listening.accept()
        with peer, contextlib.suppress(ssl.SSLError, OSError):
            context.wrap_socket(peer, server_side=True).close()
        trusted = f"this computer does not trust the certificate of 127.0.0.1:{port}"
        wait_for(lambda: following.problem() == trusted)
        following.follower._stopping.set()
    following.follower.stop(5)


@settings(deadline=None)
@given(payload=st.binary(max_size=70_000), cuts=st.lists(st.integers(0, 70_020), max_size=5), final=st.booleans())
def test_frames_are_taken_however_they_are_cut(payload: bytes, cuts: list[int], final: bool) -> None:
    data = Frame(Opcode.TEXT, payload, fin=final).serialize(mask=False) + b"\x89\x00"
    buffer, frames, at = bytearray(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        buffer += data[at:cut]
        at = max(at, cut)
        while (frame := _SCRIPT.take_frame(buffer)) is not None:
            frames.append(frame)
    assert frames == [(final, 1, payload), (True, 9, b"")]
    assert not buffer


def test_a_frame_beyond_all_measure_is_refused(script: ModuleType) -> None:
    with pytest.raises(script.Refused):
        script.take_frame(bytearray(b"\x81\x7f" + (1 << 40).to_bytes(8, "big")))


@pytest.mark.parametrize(
    ("text", "host", "port", "secure", "token"),
    [
        ("127.0.0.1:8765", "127.0.0.1", 8765, False, ""),
        (" localhost ", "localhost", 8765, False, ""),
        ("http://127.0.0.1:9000/overlay?size=l#token=abc%2Bdef", "127.0.0.1", 9000, False, "abc+def"),
        ("ws://[::1]:8765/ws", "::1", 8765, False, ""),
        ("https://guard.example", "guard.example", 443, True, ""),
    ],
)
def test_addresses(script: ModuleType, text: str, host: str, port: int, secure: bool, token: str) -> None:
    address = script.parse_address(text)
    assert tuple(address) == (host, port, secure, token)
    assert script.parse_address(text, "other").token == "other"
    assert not token or token not in str(address)


@pytest.mark.parametrize("text", ["", "ftp://127.0.0.1", "127.0.0.1:port", "http://#token=s3cret", "http://[::1"])
def test_what_is_no_address_is_said_without_the_token(script: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="is no server address") as raised:
        script.parse_address(text)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "scores"},
        {"type": "scores", "session": "c1", "age_ms": 1, "faces": [{"id": 1}]},
        {"type": "news"},
        {},
    ],
)
def test_nonsense_does_not_end_the_following(script: ModuleType, message: dict[str, Any]) -> None:
    watch = script.Watch()
    with contextlib.suppress(ValueError, KeyError, TypeError):  # what the follower passes over
        watch.receive(message, 0.0)
    assert watch.standing(0.0).kind == "lost"


def test_many_sessions_do_not_pile_up(script: ModuleType) -> None:
    watch = script.Watch()
    for number in range(200):
        watch.receive({"type": "session", "session": f"c{number}", "state": "ended" if number % 2 else "live"}, 0.0)
    assert len(watch._calls) == 64


def test_the_map_shows_boxes_in_the_colours_of_their_states(script: ModuleType) -> None:
    face_map = script.FaceMap(script.DEFAULTS)
    box = {"authentic": (0.0, 0.0, 0.5, 0.5), "synthetic": (0.5, 0.5, 0.7, 0.9)}
    faces = tuple(script.Face(1, state, 0.5, None, (), where) for state, where in box.items())
    face_map.draw(script.Standing("faces", faces))
    picture = Image.open(io.BytesIO(Path(face_map.path).read_bytes())).convert("RGBA")
    assert picture.size == (160, 90)
    assert picture.getpixel((40, 20)) == (0, 158, 115, 255)
    assert picture.getpixel((159, 89)) == (213, 94, 0, 255)
    assert picture.getpixel((120, 20)) == (16, 20, 26, 240)
    face_map.draw(script.Standing("stale", faces))
    picture = Image.open(io.BytesIO(Path(face_map.path).read_bytes())).convert("RGBA")
    assert picture.getpixel((40, 20)) == (140, 148, 158, 255)
    face_map.remove()
    assert not Path(face_map.path).parent.exists()


def test_it_is_python_3_6_and_the_standard_library_alone() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - {"obspython"} <= set(sys.stdlib_module_names)
