"""Compiled plans on disk: which one belongs to a model and a GPU, and whether it is whole.

A plan is a file of its own, beside it lies a sidecar in JSON that says what it is and names it with its sha256. The
plan's name carries its digest, and the sidecar appears in one step; so any number of processes may build at once,
and a reader sees one plan or another, never half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.tensorrt.build import BATCHES
from engines.tensorrt.network import Computed
from stream_guard.errors import EngineError, printable

__all__ = ["PlanKey", "PlanStore", "Sidecar", "StoredPlan", "slug"]

_FORMAT = 1
"""Of the plans: raised when another network or other settings are compiled, so that old ones are built anew."""

_LEFT_ALONE_S = 3600.0
"""A plan that no sidecar names any more may be about to be read, if it is younger."""


def slug(name: str) -> str:
    """Return a GPU's name as part of a file's: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class PlanKey(BaseModel):
    """What a plan was compiled from, with and for. All of it must fit.

    Attributes:
        model_sha256: of the exported ONNX file.
        precision: computed in.
        flavour: ``tensorrt`` or ``tensorrt_rtx``.
        version: of that library.
        capability: of the GPU, such as ``sm89``.
        gpu: its name; empty for plans that run on every GPU of the capability.
        format: of our plans.
        batches: least, best and largest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_sha256: str
    precision: Computed
    flavour: str
    version: str
    capability: str
    gpu: str = ""
    format: int = _FORMAT
    batches: tuple[int, int, int] = BATCHES

    def stem(self) -> str:
        """Return the sidecar's name without its ending. The library's version is not in it: old plans give way."""
        parts = (self.model_sha256[:12], self.precision, self.flavour, self.capability, slug(self.gpu))
        return "-".join(part for part in parts if part)

    def difference(self, other: PlanKey) -> str:
        """Return in words what is different about another one; empty where nothing is."""
        if (self.flavour, self.version) != (other.flavour, other.version):
            return f"was built by {other.flavour} {other.version}, not {self.version}"
        if (self.capability, self.gpu) != (other.capability, other.gpu):
            return f"was built for {other.gpu or other.capability}, not {self.gpu or self.capability}"
        if self.model_sha256 != other.model_sha256:
            return "was built from another model"
        return "" if self == other else "was built by another version of stream-guard"


class Sidecar(BaseModel):
    """The JSON file beside a plan.

    Attributes:
        key: what it was compiled from, with and for.
        plan: its file's name, in the same folder.
        sha256: of the plan.
        bytes: its size.
        contents: what is in it, as `engines.tensorrt.inspection.Inspection.summary`; None where it is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: PlanKey
    plan: str
    sha256: str
    bytes: int
    contents: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it was found, or why it was not.

    Attributes:
        plan: its content; None where there is none that fits.
        reason: why not: it "is damaged" or "was built for...". Empty where none was ever built.
        sidecar: what is known of it; None where it was not found or cannot be read.
    """

    plan: bytes | None
    reason: str = ""
    sidecar: Sidecar | None = None


class PlanStore:
    """Plans in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: PlanKey) -> StoredPlan:
        """Return the plan for a key, or the reason why it must be built anew. Never raises."""
        try:
            text = self._sidecar(key).read_bytes()
        except FileNotFoundError:
            return StoredPlan(None)
        except OSError as error:
            return StoredPlan(None, f"cannot be read ({error.strerror or error})")
        try:
            sidecar = Sidecar.model_validate_json(text)
        except ValidationError:
            return StoredPlan(None, "is damaged (its sidecar)")
        if difference := key.difference(sidecar.key):
            return StoredPlan(None, printable(difference), sidecar)
        try:
            plan = (self.folder / Path(sidecar.plan).name).read_bytes()
        except OSError as error:
            return StoredPlan(None, f"cannot be read ({error.strerror or error})", sidecar)
        except ValueError:  # no name of a file
            return StoredPlan(None, "is damaged (its sidecar)")
        if hashlib.sha256(plan).hexdigest() != sidecar.sha256:
            return StoredPlan(None, "is damaged (sha256)", sidecar)
        return StoredPlan(plan, "", sidecar)

    def put(self, key: PlanKey, plan: bytes, contents: dict[str, Any] | None) -> Sidecar:
        """Keep a plan; whoever looks for it from now on finds it.

        Args:
            key: what it belongs to.
            plan: its content.
            contents: what is in it, as plain data.

        Raises:
            EngineError: the folder cannot be written.
        """
        digest = hashlib.sha256(plan).hexdigest()
        name = f"{key.stem()}-{digest[:12]}.plan"
        sidecar = Sidecar(key=key, plan=name, sha256=digest, bytes=len(plan), contents=contents)
        self.write(name, plan)
        self.write(self._sidecar(key).name, sidecar.model_dump_json(indent=2).encode() + b"\n")
        self._tidy(key)
        return sidecar

    def read(self, name: str) -> bytes:
        """Return another file of the folder, such as a timing cache; empty where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return b""

    def write(self, name: str, content: bytes) -> None:
        """Write a file so that nobody ever sees half of it.

        Raises:
            EngineError: it cannot be written.
        """
        part = self.folder / f".{name}.{uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(content)
                part.replace(self.folder / name)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(f"cannot keep {name} in {self.folder}: {error.strerror or error}") from error

    def _sidecar(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem()}.json"

    def _tidy(self, key: PlanKey) -> None:
        """Remove plans that the sidecar does not name, but for those another process may be about to read."""
        current = self.find(key).sidecar
        kept = current.plan if current else ""
        for path in self.folder.glob(f"{key.stem()}-{'[0-9a-f]' * 12}.plan"):
            with contextlib.suppress(OSError):
                if path.name != kept and time.time() - path.stat().st_mtime > _LEFT_ALONE_S:
                    path.unlink()
