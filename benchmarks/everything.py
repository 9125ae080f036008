"""Runs benchmarks one after the other, and writes docs/performance.md anew after each.

    python -m benchmarks.everything [--smoke] [BENCHMARK...]

What one benchmark has measured is kept when it, or a later one, fails; the page says what is missing, and the exit
status is 1. With ``--smoke`` each is only seen to work, and the page is not touched.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.figures import save
from benchmarks.parts import PARTS, Part

_LIMIT_S = 300.0
"""So much longer than expected may a benchmark take: a busy machine needs some of it."""

Command = Callable[[Part], list[str]]


def missing() -> str:
    """Return one sentence that says what this machine lacks; empty if nothing."""
    if os.geteuid() != 0:
        return "The benchmarks want root: they build networks."
    if shutil.which("keepalived") is None:
        return "The benchmarks want keepalived (Debian: apt install keepalived)."
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "The benchmarks want /dev/fuse, for the emulated hosts."
    return ""


def plan(parts: Sequence[Part]) -> str:
    """Say what will be measured, and how long that takes."""
    lines = [f"{each.minutes:5.1f} min  {each.name:<17} {each.title}" for each in parts]
    total = sum(each.minutes for each in parts)
    return "\n".join([*lines, f"{total:5.1f} min  in all"])


def run(parts: Sequence[Part], docs: Path, command: Command, limit_s: float = _LIMIT_S) -> bool:
    """Run the parts; return whether all of them got to their end."""
    results = docs / report.PICTURES
    results.mkdir(parents=True, exist_ok=True)
    for part in parts:
        # What an earlier run has measured does not stand for what fails now.
        (results / f"{part.name}.json").unlink(missing_ok=True)
    failed = []
    for part in parts:
        _say(f"== {part.name}: {part.title}")
        began = time.monotonic()
        problem = _one(command(part), 60 * part.minutes + limit_s)
        if problem:
            failed.append(part.name)
            path = results / f"{part.name}.json"
            if not path.exists():
                save(path, part.name, [], problem)
        minutes = (time.monotonic() - began) / 60
        _say(f"== {part.name}: {problem or 'done'}, {minutes:.1f} min")
        report.write(results, docs)
    if failed:
        _say(f"failed: {', '.join(failed)}")
    return not failed


def _one(command: list[str], limit_s: float) -> str:
    """Run one benchmark in a process group of its own; return what went wrong."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        status = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"not done after {limit_s / 60:.0f} minutes"
    else:
        return f"ended with status {status}" if status else ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Read the command line, and run."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="only see whether each works")
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(names)}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if lack := missing():
        sys.exit(lack)
    parts = [part for part in PARTS if not options.names or part.name in options.names]
    with tempfile.TemporaryDirectory() as scratch:
        docs = Path(scratch) if options.smoke else report.DOCS

        def command(part: Part) -> list[str]:
            file = docs / report.PICTURES / f"{part.name}.json"
            words = ["-m", f"benchmarks.{part.name}", "--json", str(file)]
            return [sys.executable, *words, *(["--smoke"] if options.smoke else [])]

        if not options.smoke:
            _say(plan(parts))
        if not run(parts, docs, command):
            sys.exit(1)
    if not options.smoke:
        _say(f"see docs/{report.PAGE}")


if __name__ == "__main__":
    main()
