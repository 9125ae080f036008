"""Which modules has the kernel of a FreeBSD host? Asked at start only."""

import subprocess
from typing import Final

_ASK_S: Final = 5.0
_ABSENT: Final = 1


def is_carp_loaded() -> bool:
    """Return whether carp(4) takes the packets of protocol 112, built in or loaded.

    kldstat(8) ``-q -m`` exits 0 if the module is there and 1 if not (seen on 14.0); anything else
    counts as loaded: what bpf(4) hears it hears in either case.
    """
    try:
        done = subprocess.run(
            ("/sbin/kldstat", "-q", "-m", "carp"),
            capture_output=True,
            check=False,
            env={"LC_ALL": "C"},
            timeout=_ASK_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != _ABSENT
