"""Where inside the kernel does a stuck child wait? procstat(1) -kk, asked once for each.

It reads the process table only, and no file system; should it hang all the same, it is a stuck child
like any other, of which nothing more is asked.
"""

from typing import Final

from hafailover.system.child import Child, Ended
from hafailover.system.runner import Runner
from hafailover.units import seconds

PROGRAM: Final = "procstat"
_DEADLINE: Final = seconds(2)
_STACK_MAX: Final = 400


class KernelStacks:
    """Keeps what was found out about children that are stuck."""

    def __init__(self, runner: Runner) -> None:
        """Ask about every child of ``runner`` that gets stuck from now on."""
        self._runner = runner
        self._found: dict[int, str] = {}
        runner.on_abandoned = self._ask

    def of(self, pid: int) -> str:
        """Return the stack of a stuck child, innermost first; empty while it is not known."""
        return self._found.get(pid, "")

    def _ask(self, child: Child) -> None:
        alive = {stuck.pid for stuck in self._runner.stuck}
        self._found = {pid: stack for pid, stack in self._found.items() if pid in alive}
        if child.argv[0] == PROGRAM or not self._runner.has(PROGRAM):
            return

        def answered(ended: Ended) -> None:
            if ended.status == 0:
                self._found[child.pid] = stack_of(ended.stdout.decode(errors="replace"), child.pid)

        self._runner.start((PROGRAM, "-kk", str(child.pid)), deadline=_DEADLINE, done=answered)


def stack_of(text: str, pid: int) -> str:
    """Read what ``procstat -kk PID`` printed: a head, then a line for each thread.

    Columns are pid, thread, command, thread name and the stack; names can hold blanks, so the stack
    is what follows the last word that is no place in a function (``name+0x12``).
    """
    stacks = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if words[:1] != [str(pid)]:
            continue
        places: list[str] = []
        for word in reversed(words[2:]):
            if "+0x" not in word:
                break
            places.insert(0, word)
        stacks.append(" ".join(places) or " ".join(words[2:]))
    return "; ".join(stacks)[:_STACK_MAX]
