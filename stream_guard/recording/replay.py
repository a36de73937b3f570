"""Reads a journal back, however its last line was torn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stream_guard.errors import ConfigError
from stream_guard.protocol.messages import Session
from stream_guard.recording.archive import parts
from stream_guard.recording.line import Header, Line

__all__ = ["Replay"]

_LONGEST_LINE = 1 << 20
"""In bytes. A line of 100 faces has some 30 kB; beyond this it is no line of ours."""


class Replay:
    """The lines of a session's journal, in order. Iterate to read; memory does not grow with the journal.

    A process that was killed leaves half a line at the end, a full disk one in the middle: they are counted and
    left out, and all the others are read.

    Attributes:
        header: the last one read, None before the first.
        lines: read so far.
        torn: lines that could not be read.
        missing: lines that are not there, by the gaps in their numbers: those that are torn, and those that a
            full disk did not take.
        ended: whether the session's end was read. Without it the writer was stopped, or is still at it.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare.

        Args:
            folder: of one session.
        """
        self._folder = folder
        self.header: Header | None = None
        self.lines = 0
        self.torn = 0
        self.missing = 0
        self.ended = False

    def __iter__(self) -> Iterator[Line]:
        """Yield every line that can be read, headers too.

        Raises:
            ConfigError: the folder or a file in it cannot be read at all.
        """
        try:
            files = parts(self._folder)
            if not files:
                raise ConfigError(f"{self._folder} holds no journal")
            expected: int | None = None  # the first files may have been thinned out
            for path in files:
                for line in self._file(path):
                    if line.header is None:
                        self.missing += max(0, line.n - expected) if expected is not None else 0
                        expected = line.n + 1
                    self._note(line)
                    yield line
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be read: {error.strerror or error}") from error

    def _file(self, path: Path) -> Iterator[Line]:
        with path.open("rb") as file:
            while text := file.readline(_LONGEST_LINE):
                # Half a line may be whole JSON: a number cut short. Its line break is what makes it whole.
                line = Line.decode(text) if text.endswith(b"\n") else None
                if line is None:
                    self.torn += 1
                else:
                    yield line

    def _note(self, line: Line) -> None:
        self.lines += 1
        self.header = line.header or self.header
        if isinstance(line.message, Session) and line.message.state == "ended":
            self.ended = True
