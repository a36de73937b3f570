"""``python -m tests.fuzz``: every target for a while, then what was tried, reached and found."""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.fuzz.targets import NAMES


def main() -> int:
    """Return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all if left out")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time for each target (60)")
    parser.add_argument("--plain", action="store_true", help="without atheris, also where it is installed")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs made without it")
    parser.add_argument("--json", type=Path, help="write the results")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(NAMES):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    guided = not asked.plain and importlib.util.find_spec("atheris") is not None
    results = []
    with tempfile.TemporaryDirectory() as name, Progress(console=Console(stderr=True)) as progress:
        names = asked.targets or NAMES
        for one in progress.track(names, description="fuzzing"):
            results.append(_fuzzed(one, asked.seconds, asked.seed, Path(name), guided=guided))
    engine = "atheris" if guided else "mutation"
    _show(results, engine)
    if asked.json:
        facts = {"engine": engine, "python": platform.python_version(), "targets": results}
        asked.json.write_text(json.dumps(facts, indent=2) + "\n")
    return int(any(result["findings"] for result in results))


def _fuzzed(name: str, seconds: float, seed: int, folder: Path, *, guided: bool) -> dict[str, Any]:
    """Run one target, and measure what its inputs reach."""
    corpus, out = folder / name, folder / f"{name}.json"
    corpus.mkdir()
    command = [sys.executable, "-m", "tests.fuzz.worker", name, "--seconds", str(seconds), "--seed", str(seed)]
    command += ["--corpus", str(corpus), "--out", str(out), *(["--guided"] if guided else [])]
    done = subprocess.run(command, capture_output=True, check=False)
    result: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {"target": name, "inputs": 0}
    findings = result.setdefault("findings", {})
    if done.returncode:
        kept = [path.read_bytes().hex() for path in sorted(folder.glob(f"{name}-*"))]
        tail = done.stderr.decode(errors="replace")[-2000:]
        findings["the process"] = {
            "error": f"ended with {done.returncode}",
            "trace": tail,
            "input": "".join(kept[:1]),
        }
    command = [sys.executable, "-m", "tests.fuzz.coverage", name, str(corpus)]
    covered = subprocess.run(command, capture_output=True, check=False)
    if covered.returncode == 0:
        result |= json.loads(covered.stdout.splitlines()[-1])
    return result


def _show(results: list[dict[str, Any]], engine: str) -> None:
    console = Console()
    table = Table("target", "inputs", "CPU s", "lines reached", "findings", title=f"by {engine}", box=None)
    for result in results:
        lines = f"{result['reached']} of {result['lines']}" if "lines" in result else "?"
        cpu = f"{result.get('cpu_s', 0):.0f}"
        table.add_row(result["target"], f"{result['inputs']:,}", cpu, lines, str(len(result["findings"])))
    console.print(table)
    for result in results:
        for where, finding in result["findings"].items():
            console.print(f"\n{result['target']}: {where}: {finding['error']}", style="red", markup=False)
            console.print(finding["trace"].rstrip()[-1500:], style="dim", markup=False)
            console.print(f"input: {finding['input'][:400]}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
