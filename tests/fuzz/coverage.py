"""What a folder of inputs reaches of a target's modules: ``python -m tests.fuzz.coverage sdp DIR``."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from tests.fuzz.lines import executable, traced
from tests.fuzz.targets import target

_MOST = 300
"""Inputs that are tried again: tracing every line is slow."""


def main() -> None:
    chosen = target(sys.argv[1])
    corpus = sorted(Path(sys.argv[2]).iterdir())
    step = max(1, len(corpus) // _MOST)
    with chosen.opened() as run, traced(chosen.covers) as steps:
        for path in corpus[::step]:
            with contextlib.suppress(Exception):  # noted by whoever found it
                run(path.read_bytes())
    lines = executable(chosen.covers)
    sys.stdout.write(json.dumps({"reached": len(steps.reached & lines), "lines": len(lines)}) + "\n")


if __name__ == "__main__":
    main()
