"""A benchmark's result file: the figures, the settings and the machine; and what changed since an earlier one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stream_guard import __version__
from stream_guard.errors import ConfigError
from stream_guard.inference.environment import Environment, describe

__all__ = ["Difference", "compare", "kind_of_machine", "load", "result", "save"]


_NOTABLE = 0.1

_MORE_IS_BETTER = re.compile(
    r"(held|scores(_a_second)?\w*|frames\.(decoded|admitted|scored|told)|efficiency|with_finder|worst_face|share_scored)$"
)
_NEITHER = re.compile(r"^(seconds|frames\.sent|sender)|sender_cores$|\.(share|count|sessions)$|(^|\.)others\.")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure, then and now.

    Attributes:
        name: its place in the file, such as ``glass_to_score_ms.p95``.
        before, now: the figures.
    """

    name: str
    before: float
    now: float

    @property
    def ratio(self) -> float | None:
        """Now over before; None where that was nothing."""
        return self.now / self.before if self.before else None

    @property
    def worse(self) -> bool:
        """Whether it has become worse by more than a tenth. Of most figures less is better."""
        if self.ratio is None or _NEITHER.search(self.name):
            return False
        return self.ratio < 1 - _NOTABLE if _MORE_IS_BETTER.search(self.name) else self.ratio > 1 + _NOTABLE


def result(kind: str, settings: Mapping[str, object], figures: Mapping[str, object]) -> dict[str, object]:
    """Return a result file's contents.

    Args:
        kind: of benchmark.
        settings: what was asked for; only results with the same ones can be compared.
        figures: what was measured.
    """
    return {
        "kind": kind,
        "version": __version__,
        "machine": asdict(describe()),
        "load_average": _load(),
        "settings": json.loads(json.dumps(dict(settings), default=str)),  # as they are read back: no tuples
        **figures,
    }


def kind_of_machine(machine: Environment) -> str:
    """Return a name for a folder that machines of the same kind share: processor and cores."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu} {machine.usable_cores} cores".lower())
    return words.strip("-")


def save(path: Path, contents: Mapping[str, object]) -> None:
    """Write a result file, and its folder where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=1, default=str) + "\n")


def load(path: Path) -> dict[str, object]:
    """Read a result file.

    Raises:
        ConfigError: it is not one.
    """
    try:
        contents = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no benchmark's result: {error}") from error
    if not isinstance(contents, dict) or "kind" not in contents:
        raise ConfigError(f"{path} is no benchmark's result")
    return contents


def compare(before: Mapping[str, object], now: Mapping[str, object]) -> list[Difference]:
    """Return every figure that both files hold, in the order of the later one.

    Raises:
        ConfigError: they are not of the same kind of run: different benchmarks, or different settings.
    """
    for field in ("kind", "settings"):
        if before.get(field) != now.get(field):
            raise ConfigError(f"these results cannot be compared: {field} was {before.get(field)}")
    old = dict(_leaves(before))
    return [Difference(name, old[name], value) for name, value in _leaves(now) if name in old]


def _leaves(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if not above and name in ("machine", "settings", "load_average"):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{above}{name}", float(value)


def _load() -> list[float] | None:
    """Return the load average at the end of the run: a busy machine must not pass for a quiet one."""
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except OSError:
        return None
