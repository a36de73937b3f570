"""The files one session is written to: whole lines only, one file after the other, a folder of pictures."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from stream_guard.recording.archive import EVIDENCE, part_path
from stream_guard.recording.line import Header, Line

__all__ = ["SessionFile"]


class SessionFile:
    """Appends lines; used by one thread. Nothing is there before the first line.

    Attributes:
        folder: of the session.
        deleted: whether somebody deleted the session while it was written; then nothing more is.
        rotated: how often another file was begun.
    """

    def __init__(self, folder: Path, header: Header, *, part_bytes: int) -> None:
        """Prepare.

        Args:
            folder: of the session; made with the first line, for this user alone.
            header: first in every file.
            part_bytes: another file is begun beyond this many.
        """
        self.folder = folder
        self.deleted = False
        self.rotated = 0
        self._header = header
        self._part_bytes = part_bytes
        self._number = 0
        self._size = 0
        self._handle: int | None = None

    def append(self, lines: list[Line]) -> None:
        """Hand lines to the operating system, all or none.

        Raises:
            OSError: it does not take them.
        """
        if not lines or self._gone():
            return
        if self._handle is None or self._size >= self._part_bytes:
            self._begin_part()
        # With the lines, not before: a disk that was full when the file was begun must not cost the header.
        head = [] if self._size else [Line(n=lines[0].n, at=lines[0].at, header=self._header)]
        self._write(b"".join(line.encode() for line in [*head, *lines]))

    def picture(self, name: str, jpeg: bytes) -> str:
        """Keep a picture, unless the session was deleted; returns its path inside the folder.

        Raises:
            OSError: the operating system does not take it.
        """
        place = self.folder / EVIDENCE
        if self._gone():
            return f"{EVIDENCE}/{name}"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = place / name
        try:
            path.write_bytes(jpeg)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return f"{EVIDENCE}/{name}"

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _gone(self) -> bool:
        """Return whether the user deleted what was written: what goes on is not to be kept either."""
        if self._handle is not None and not self.deleted:
            self.deleted = os.fstat(self._handle).st_nlink == 0
        return self.deleted

    def _begin_part(self) -> None:
        # O_APPEND and whole batches: whoever reads meanwhile sees whole lines.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(part_path(self.folder, self._number + 1), flags, 0o600)
        self.rotated += self._handle is not None
        self.close()
        self._handle, self._size = handle, 0
        self._number += 1

    def _write(self, data: bytes) -> None:
        assert self._handle is not None
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            # A full disk takes a part. It will come again, so that part must go, or lines would be there twice.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise
        self._size += len(data)
