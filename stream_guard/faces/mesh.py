"""MediaPipe's Face Landmarker in a process of its own, cut off from the network.

From some version after 0.10.21 MediaPipe reports its use to its makers (google-ai-edge/mediapipe issue 6291). There
is no switch, and "nothing leaves this machine" must hold. Its uploader does honour ``https_proxy``, so the child's
environment names a proxy on this machine where nobody listens. Setting that in our own process would change how the
program that embeds us reaches the network; a child of our own has nothing else to reach. ``tests/privacy`` traces
the child's connections.

What crosses is one face's square, 192 KiB, and 4 KiB back. Two further gains: MediaPipe's log lines do not end up
on the user's terminal, and if it dies, the call goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.restarts import RestartLimit
from stream_guard.errors import ModelError
from stream_guard.faces.mesh_process import ANSWER_FLOATS, HEADER, POINTS
from stream_guard.faces.watchdog import Watchdog

__all__ = ["FaceMesh", "Mesh"]

_NOWHERE = "http://127.0.0.1:1"
"""A proxy that cannot be: port 1 of this machine."""

_RESTARTS = 3
_WITHIN_S = 60.0
"""So often in so many seconds a child that died or hung is replaced. Then it is given up until the window has moved
on: who calls later finds it mended."""

_PATIENCE_S = 5.0
"""A child that takes longer over one picture hangs, and is killed; the read that waits for it then sees its end."""

_LOAD_S = 60.0
"""The same for its start, which imports MediaPipe: seconds on a busy machine."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """One face.

    Attributes:
        points: float32, shape (478, 2): x and y as fractions of the picture, in MediaPipe Face Mesh order.
        matrix: float32, shape (4, 4): the facial transformation matrix.
    """

    points: NDArray[np.float32]
    matrix: NDArray[np.float32]


class FaceMesh:
    """Finds faces and their landmarks in small pictures. Any thread may ask; one is served at a time."""

    def __init__(
        self,
        model: Path,
        *,
        faces: int = 1,
        confidence: float = 0.5,
        told: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Start the child and wait until it has loaded the model.

        Args:
            model: ``face_landmarker.task``.
            faces: the most faces that are looked for in one picture.
            confidence: least confidence of detection and of presence.
            told: is given what happened to a child, in words, from any thread.

        Raises:
            ModelError: the file is missing or MediaPipe cannot read it.
        """
        # -P: what lies in the user's folder must not take the place of our modules.
        self._command = [sys.executable, "-P", "-m", "stream_guard.faces.mesh_process"]
        self._command += [str(model), str(faces), str(confidence)]
        self._model = model
        self._told = told
        self._digest = _digest(model)
        self._lock = threading.Lock()
        self._limit = RestartLimit(_RESTARTS, within_s=_WITHIN_S)
        self._closed = False
        self._watchdog = Watchdog()
        try:
            self._start()
        except BaseException:
            self._watchdog.close()
            raise

    def detect(self, rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Find the faces of a picture.

        Args:
            rgb: uint8, shape (height, width, 3), contiguous.

        Returns:
            The faces; none for the picture on which a child died and was replaced.

        Raises:
            ModelError: it was closed, children keep dying, or the model's file is no longer what it was.
        """
        with self._lock:
            if self._closed:
                raise ModelError("the face landmarker has been closed")
            try:
                with self._watchdog.limit(_PATIENCE_S, self._child.kill):
                    return self._ask(rgb)
            except (OSError, EOFError, ValueError) as error:  # ValueError: the pipe was closed meanwhile
                if self._closed:
                    raise ModelError("the face landmarker has been closed") from error
                self._replace(error)
                return []

    def close(self) -> None:
        """End the child, also while it works. Safe to call twice."""
        self._closed = True
        self._watchdog.close()
        self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _replace(self, error: Exception) -> None:
        """Start a child in the place of one that died or was killed, if that has not happened too often."""
        if self._limit.take(time.monotonic_ns()) is None:
            raise ModelError(f"faces cannot be followed: the landmarker's process died {self._limit}") from error
        self._free()
        if _digest(self._model) != self._digest:
            raise ModelError(f"faces cannot be followed: {self._model} was changed meanwhile; restart") from error
        self._start()
        self._told("the landmarker's process died or hung, and was started again")

    def _start(self) -> None:
        """Start a child and wait for its first word."""
        environment = {
            **os.environ,
            **dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"), _NOWHERE),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
        }
        try:
            child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise ModelError(f"the face landmarker's process cannot be started: {error.strerror}") from error
        assert child.stdin is not None
        assert child.stdout is not None
        self._child, self._in, self._out = child, child.stdin, child.stdout
        self._free = weakref.finalize(self, _end, child)
        try:
            with self._watchdog.limit(_LOAD_S, child.kill):
                word = _read(self._out, 1)
                if word == b"+":
                    return
                (length,) = struct.unpack("<I", _read(self._out, 4))
                reason = _read(self._out, length).decode()
        except EOFError:
            reason = "its process ended at once"
        self._free()
        raise ModelError(f"MediaPipe cannot use the face landmarker {self._model}: {reason}")

    def _ask(self, rgb: NDArray[np.uint8]) -> list[Mesh]:
        height, width = rgb.shape[:2]
        self._in.write(HEADER.pack(height, width))
        self._in.write(np.ascontiguousarray(rgb).data.cast("B"))
        self._in.flush()
        count = _read(self._out, 1)[0]
        floats = np.frombuffer(_read(self._out, count * ANSWER_FLOATS * 4), "<f4").reshape(count, ANSWER_FLOATS)
        return [Mesh(row[: POINTS * 2].reshape(POINTS, 2), row[POINTS * 2 :].reshape(4, 4)) for row in floats]


def _read(stream: IO[bytes], count: int) -> bytes:
    """Read exactly so many bytes; the child's end is an EOFError."""
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child. It holds nothing worth saving, and a pipe cannot be closed while somebody reads from it."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _digest(model: Path) -> str:
    """Return the sha256 of a file; empty where it cannot be read."""
    try:
        with model.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
