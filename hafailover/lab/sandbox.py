"""May this process build networks and mounts, and how does it get a place of its own for that?

The lab lives in namespaces of its own (network, mounts, processes; as an ordinary user a user
namespace too). When the lab's process ends, however it ends, the kernel removes all of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from hafailover.lab import doorkeeper

if TYPE_CHECKING:
    from collections.abc import Sequence

_INSIDE: Final = "HAFAILOVER_LAB_INSIDE"
"""Environment variable that says that the process is inside already."""

_FUSE: Final = "/dev/fuse"


def _prefix() -> list[str]:
    """Return the unshare(1) command line that opens the place."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *user, *spaces, "--"]


def missing() -> str | None:
    """Return one sentence that says what the lab lacks on this machine, or None."""
    if not sys.platform.startswith("linux"):
        return "The lab needs Linux: it is made of Linux namespaces."
    if os.environ.get(_INSIDE):
        return None
    if not os.access(_FUSE, os.R_OK | os.W_OK):
        return f"The lab needs {_FUSE}, readable and writable by this user, and it is not."
    for program in ("unshare", "setpriv"):
        if shutil.which(program) is None:
            return f"The lab needs {program}(1) of util-linux, and it is not in the PATH."
    try:
        import pyroute2  # noqa: F401, PLC0415 -- only asks whether it is there
    except ImportError:
        return "The lab needs the Python package pyroute2: pip install 'hafailover[lab]'."
    tried = subprocess.run([*_prefix(), "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        who = "root" if os.geteuid() == 0 else "this user"
        reason = tried.stderr.strip() or "no reason given"
        return f"The lab needs namespaces, and {who} may not make them here ({reason})."
    return None


def is_inside() -> bool:
    """Return whether this process is in the lab's namespaces already."""
    return bool(os.environ.get(_INSIDE))


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs ``python ARGUMENTS`` in namespaces of its own."""
    return [*_prefix(), "env", f"{_INSIDE}=1", sys.executable, *arguments]


def enter(arguments: Sequence[str]) -> None:
    """Go on as ``python ARGUMENTS`` inside; returns only if this process is there already.

    Outside, this process stays until that has ended, and passes on to it that it shall end.
    """
    if not is_inside():
        sys.exit(doorkeeper.attend(command(arguments)))
