"""Which ggated and ggatec processes run, from ps(1).

The columns are those of ``observing.look_at_processes``: pid, parent, process group, state, and the
whole command line, which ps joins with blanks. That loses nothing here: neither a path in
gg.exports nor an argument of ours may contain one.
"""

import re
from typing import Final

from hafailover.storage.facts import GateProcess
from hafailover.storage.observation import ObservationError, number

PROGRAMS: Final = frozenset({"ggated", "ggatec"})
_ZOMBIE: Final = "Z"
_COLUMNS: Final = 5
_INTERPRETER: Final = re.compile(r"python[0-9.]*")


def parse_processes(text: str) -> tuple[GateProcess, ...]:
    """Return the living processes that can write through ggate.

    Raises:
        ObservationError: If the line of any process has another form.
    """
    found = (_process(line, place) for place, line in enumerate(text.split("\n"), start=1))
    return tuple(process for process in found if process is not None)


def _process(line: str, place: int) -> GateProcess | None:
    if not line.strip():
        return None
    what = f"ps(1), line {place}"
    columns = line.split(None, _COLUMNS - 1)
    if len(columns) < _COLUMNS - 1:
        raise ObservationError(what, line)
    pid, parent, group = (number(word, what) for word in columns[:3])
    state = columns[3]
    words = columns[4].split() if len(columns) == _COLUMNS else []
    program, arguments = _program(words)
    if program not in PROGRAMS or state.startswith(_ZOMBIE):
        return None
    return GateProcess(
        program=program,
        pid=pid,
        parent=parent,
        process_group=group,
        state=state,
        arguments=arguments,
    )


def _program(words: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return the program's bare name and its arguments.

    ps shows a process whose arguments cannot be read (it is exiting, or swapped out) as ``[name]``,
    and a script by its interpreter first.
    """
    if not words:
        return "", ()
    first = words[0].rpartition("/")[2]
    if first.startswith("[") and first.endswith("]"):
        return first[1:-1], ()
    if _INTERPRETER.fullmatch(first):
        script = next((at for at, word in enumerate(words) if at and not word.startswith("-")), 0)
        if script:
            return words[script].rpartition("/")[2], tuple(words[script + 1 :])
    # setproctitle(3) separates its text with a colon.
    return first.removesuffix(":"), tuple(words[1:])
