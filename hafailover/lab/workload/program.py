"""How does a node get the program that its services are started with?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import hafailover

NAME: Final = "lab-workload"
PORT: Final = 80

_TEXT: Final = """\
#!{python} -IS
import sys

sys.path.insert(0, {package!r})
from hafailover.lab.workload.daemon import main

main({place})
"""


def install(
    programs: Path,
    *,
    mount_point: Path,
    run: Path,
    log_directory: Path,
    address: str,
    interval_s: float = 0.01,
) -> None:
    """Write the program into the directory ``programs``; the paths are the node's own."""
    place = {
        "records": str(mount_point / "records"),
        "log_directory": str(log_directory),
        "pid_file": str(run / "workload.pid"),
        "address": address,
        "port": str(PORT),
        "interval_s": str(interval_s),
    }
    package = str(Path(hafailover.__file__).parent.parent)
    program = programs / NAME
    text = _TEXT.format(python=sys.executable, package=package, place=json.dumps(place))
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
