"""Which processes run on the host, and what do they hold open?

Read from /proc, shown as FreeBSD shows it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hafailover.emulation.files import Opener

_WRITING = os.O_WRONLY | os.O_RDWR
_VISIBLE = str.maketrans({char: repr(char)[1:-1] for char in "\\\n\r"})
"""ps(1) shows a word of a command line as vis(3) does (VIS_NL | VIS_CSTYLE): a process is one line."""
_INTERPRETED = re.compile(r"python[0-9.]*$")


def openers_of(path: str) -> tuple[Opener, ...]:
    """Name the processes, but this one, that hold exactly ``path`` open."""
    return tuple(o for o, target in _descriptors() if target == path)


def users_of(directory: str) -> tuple[Opener, ...]:
    """Name the processes, but this one, that use anything at or below ``directory``."""
    below = directory.rstrip("/") + "/"
    return tuple(
        opener
        for opener, target in (*_descriptors(), *_working_directories())
        if target == directory or target.startswith(below)
    )


def list_processes(argv: tuple[str, ...]) -> str:
    """Answer ``ps -axww -o NAME= ...`` with the asked columns."""
    words = list(argv[1:])
    names = [words[at + 1].rstrip("=") for at, word in enumerate(words[:-1]) if word == "-o"]
    lines = []
    for pid in _pids():
        row = _row(pid)
        if row is not None:
            lines.append(" ".join(_column(name, row) for name in names or ["pid", "command"]))
    return "".join(f"{line}\n" for line in lines)


def _column(name: str, row: dict[str, str]) -> str:
    value = row.get(name, "-")
    return value if name == "command" else f"{value:>5}"


def _row(pid: int) -> dict[str, str] | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    words = [word.decode("utf-8", "replace") for word in raw.split(b"\0") if word]
    return {
        "pid": str(pid),
        "ppid": fields[1],
        "pgid": fields[2],
        "state": fields[0] if fields[0] in "RSDZT" else "I",
        "command": " ".join(as_program(words)).translate(_VISIBLE) or f"[{name}]",
        "comm": name,
    }


def as_program(words: list[str]) -> list[str]:
    """Show an emulated program as FreeBSD would: without the interpreter that runs it here."""
    if len(words) > 2 and _INTERPRETED.search(words[0]) and words[1] == "-IS":
        return [words[2].rpartition("/")[2], *words[3:]]
    return words


def _pids() -> list[int]:
    return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208


def _name(pid: int) -> str:
    row = _row(pid)
    return "?" if row is None else row["command"].split(" ")[0].rpartition("/")[2]


def _descriptors() -> Iterator[tuple[Opener, str]]:
    me = os.getpid()
    for pid in _pids():
        if pid == me:
            continue
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115
            except OSError:
                continue
            if target.startswith("/"):
                writes = _may_write(pid, descriptor)
                opener = Opener(command=_name(pid), pid=pid, descriptor=descriptor, writes=writes)
                yield opener, target


def _may_write(pid: int, descriptor: str) -> bool:
    try:
        text = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(encoding="ascii")
    except OSError:
        return True
    match = re.search(r"^flags:\s*([0-7]+)", text, re.MULTILINE)
    return match is None or bool(int(match.group(1), 8) & _WRITING)


def _working_directories() -> Iterator[tuple[Opener, str]]:
    for pid in _pids():
        for link, word in (("cwd", "wd"), ("root", "root")):
            try:
                target = os.readlink(f"/proc/{pid}/{link}")  # noqa: PTH115
            except OSError:
                continue
            if link == "root" and target == "/":
                continue
            yield Opener(command=_name(pid), pid=pid, descriptor=word, writes=False), target
