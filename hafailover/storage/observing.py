"""The command lines that only look. None of them asks a file system that may hang.

All readers of the GEOM tree can hang, unkillable, while a ggate that is being tasted does not
answer (75 s seen on 14.0): each runs in a child that is given up at its deadline.
"""

from typing import Final

from hafailover.storage.steps import CommandStep
from hafailover.units import Nanoseconds, seconds

CONFXML: Final = "kern.geom.confxml"
"""The whole topology in one consistent snapshot; read by ``geom_facts.see_geom``."""
LOOK: Final = seconds(2)
"""How long a look may take when nobody says otherwise."""


def look_at_geom(deadline: Nanoseconds = LOOK) -> CommandStep:
    """The whole topology through sysctl(8), for who looks once; a running agent asks the kernel itself."""
    return _look(("sysctl", "-n", CONFXML), "sysctl confxml", deadline)


def look_at_mounts(deadline: Nanoseconds = LOOK) -> CommandStep:
    """The mount table as the kernel caches it; read by ``mounts.parse_mounts``."""
    return _look(("mount",), "mount table", deadline)


def look_at_processes(deadline: Nanoseconds = LOOK) -> CommandStep:
    """Every process with its whole command line; read by ``processes.parse_processes``."""
    columns = tuple(
        word for name in ("pid", "ppid", "pgid", "state", "command") for word in ("-o", f"{name}=")
    )
    return _look(("ps", "-axww", *columns), "ps", deadline)


def look_at_openers(path: str, deadline: Nanoseconds = LOOK) -> CommandStep:
    """Who has a file open; read by ``openers.parse_openers``."""
    return _look(("fstat", path), "fstat", deadline)


def look_at_users(mount_point: str, deadline: Nanoseconds = LOOK) -> CommandStep:
    """Who uses anything on a file system; read by ``openers.parse_openers``."""
    return _look(("fstat", "-f", mount_point), "fstat -f", deadline)


def _look(argv: tuple[str, ...], verb: str, deadline: Nanoseconds) -> CommandStep:
    return CommandStep(
        verb=verb, argv=argv, deadline=deadline, destroys=False, seen_by="what it prints"
    )
