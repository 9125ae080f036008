"""What can be left to do in a setup? Each step is done, or not, when one looks; it can be done again."""

from dataclasses import dataclass
from enum import Enum

from hafailover.setup.facts import Intent, Part
from hafailover.units import Nanoseconds, seconds


class Task(Enum):
    """What kind of work a step is."""

    MAKE_KEY = "make the key"
    MAKE_DIRECTORY = "make a directory"
    ALLOCATE = "allocate an image"
    NOTE = "note how far it is"
    CLEAR_TAIL = "clear the last sector"
    RUN = "run a command"
    RECORD = "mark the image and write its record"
    FORGET_NOTE = "remove the note"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One step."""

    task: Task
    text: str
    """What it does, for people."""
    group: str = ""
    volume: str = ""
    path: str = ""
    argv: tuple[str, ...] = ()
    deadline: Nanoseconds = seconds(60)
    size: int = 0
    intent: Intent | None = None
    """What is noted when it is done; ``ALLOCATE`` adds inode and birth, which only the new file has."""
    part: Part | None = None
    destroys: bool = False
    """Whether it overwrites something that was there."""
