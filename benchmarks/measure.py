"""The benchmarks whose results are kept: ``python -m benchmarks.measure`` runs them and shows what has changed.

Results lie in ``benchmarks/results``, a folder for each kind of machine (processor and cores). Where there are some
for this kind, each run is compared with them; ``--keep`` puts the new ones in their place, with a picture each, and
writes the tables that rest on them (`benchmarks.table`). A quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import table
from benchmarks.runs import BY_NAME_ONLY, RUNS, command, shown
from stream_guard.bench.results import kind_of_machine
from stream_guard.inference.environment import describe


def main() -> None:
    """Run them all, or those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *RUNS], help="all of them if left out")
    parser.add_argument("--keep", action="store_true", help="replace the committed results of this kind of machine")
    parser.add_argument("--seconds", help="of each run; results of other lengths cannot be compared")
    parser.add_argument(
        "--results", type=Path, default=table.RESULTS, help="where they lie, if not in the repository"
    )
    options = parser.parse_args()
    kept = options.results / kind_of_machine(describe())
    names = options.names or [name for name in RUNS if not (options.keep and name in BY_NAME_ONLY)]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            sys.stdout.write(f"\n{name}: {shown(name)}\n")
            sys.stdout.flush()
            before = kept / f"{name}.json"
            target = before if options.keep else Path(folder) / before.name
            target.parent.mkdir(parents=True, exist_ok=True)
            words = command(
                name,
                target=target,
                seconds=options.seconds,
                keep=options.keep,
                earlier=before if before.exists() and not options.seconds else None,
            )
            if subprocess.run(words, check=False, cwd=Path(__file__).parent.parent).returncode:
                failed.append(name)  # the others are worth having all the same
    if options.keep and options.results == table.RESULTS:
        table.write()
    if failed:
        sys.exit(f"failed, or cannot be compared with what was kept: {', '.join(failed)}")


if __name__ == "__main__":
    main()
