"""The tables of README and docs/latency.md that rest on kept results: ``python -m benchmarks.table``, ``--write``.

Each row is read off a file in ``benchmarks/results`` and stands beside the command that made it. The tables lie
between markers in the documents; a test holds them to what this prints. Where a machine's results are not complete
they say that nothing is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.rows import Kept, details, performance
from benchmarks.runs import BY_NAME_ONLY, RUNS
from stream_guard.bench.results import load
from stream_guard.errors import ConfigError

__all__ = ["DOCUMENTS", "RESULTS", "complete", "placed", "write"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
NEEDED = [name for name in RUNS if name not in BY_NAME_ONLY]


def complete(results: Path = RESULTS) -> Kept | None:
    """Return the results of the first kind of machine of which all are kept, or None."""
    for folder in sorted(results.iterdir()) if results.is_dir() else ():
        if all((folder / f"{name}.json").is_file() for name in NEEDED):
            return {name: load(folder / f"{name}.json") for name in NEEDED}
    return None


DOCUMENTS: Mapping[str, Callable[[Kept | None], str]] = {"README.md": performance, "docs/latency.md": details}
"""Which document holds which tables, between markers."""

BEGIN, END = "<!-- kept results: python -m benchmarks.table --write -->", "<!-- end of kept results -->"


def placed(document: str) -> str:
    """Return what stands between a document's markers.

    Raises:
        ConfigError: it has none.
    """
    try:
        return document[document.index(BEGIN) + len(BEGIN) : document.index(END)].strip()
    except ValueError:
        raise ConfigError("the document has no markers for kept results") from None


def write(kept: Kept | None = None) -> None:
    """Put the tables of the kept results into the documents."""
    kept = kept or complete()
    for name, render in DOCUMENTS.items():
        path = ROOT / name
        document = path.read_text(encoding="utf-8")
        placed(document)
        before, after = document.partition(BEGIN)[0], document.partition(END)[2]
        path.write_text(f"{before}{BEGIN}\n{render(kept)}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Print the tables, or put them into the documents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="into README.md and docs/latency.md")
    if parser.parse_args().write:
        write()
    else:
        sys.stdout.write("\n\n".join(render(complete()) for render in DOCUMENTS.values()) + "\n")


if __name__ == "__main__":
    main()
