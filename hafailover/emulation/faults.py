"""Which failures may a drill put into a host's commands?"""

from dataclasses import dataclass
from enum import Enum

EVERY_TIME = -1
"""``times`` of a fault that stays until it is cleared."""


class FaultKind(Enum):
    """HANG: sleep in the kernel until cleared. DELAY: run, but later. FAIL: answer at once."""

    HANG = "hang"
    DELAY = "delay"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to the next commands that match.

    A command matches when its program's name is ``program`` and every word of ``words`` is among
    its arguments. ``times`` counts down, ``EVERY_TIME`` does not.
    """

    program: str
    kind: FaultKind
    words: tuple[str, ...] = ()
    times: int = 1
    delay_ns: int = 0
    status: int = 1
    stdout: str = ""
    stderr: str = ""

    def matches(self, argv: tuple[str, ...]) -> bool:
        """Whether ``argv`` (its program reduced to a name) is meant."""
        return argv[0] == self.program and all(word in argv[1:] for word in self.words)


class Faults:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._faults.append((fault, fault.times))

    def clear(self) -> None:
        """Forget all faults; a command that hangs goes on hanging until it looks again."""
        self._faults.clear()

    def holds(self, fault: Fault) -> bool:
        """Whether ``fault`` is still in force."""
        return any(known is fault for known, _ in self._faults)

    def take(self, argv: tuple[str, ...]) -> Fault | None:
        """Return the fault that strikes ``argv``, using it up once."""
        for index, (fault, times) in enumerate(self._faults):
            if fault.matches(argv):
                if times == 1 and fault.kind is not FaultKind.HANG:
                    del self._faults[index]
                elif times > 1:
                    self._faults[index] = (fault, times - 1)
                return fault
        return None
