"""What does a child that runs this program's own Python see of the agent's environment?"""

from collections.abc import Mapping
from typing import Final

SEARCH_PATH: Final = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""FreeBSD's own directories before those of packages."""

_PYTHON_VARIABLES: Final = ("PYTHONPATH", "VIRTUAL_ENV")


def python_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the fixed environment of every child, and where Python finds its packages; no more."""
    fixed = {"LC_ALL": "C", "PATH": SEARCH_PATH, "HOME": "/"}
    return fixed | {name: own[name] for name in _PYTHON_VARIABLES if name in own}
