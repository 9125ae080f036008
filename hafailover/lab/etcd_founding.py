"""Give the lab's group its record in etcd: ``python -m hafailover.lab.etcd_founding LINEAGE``, in a node."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from hafailover.arbiter.answers import Applied, Unknown
from hafailover.config.load import load
from hafailover.lab.configuration import GROUP, VOLUME
from hafailover.system.etcd_founding import create_record, first_record
from hafailover.system.host import boot_id

_PATIENCE_S: Final = 30.0
"""The servers have just been started, and elect a leader first."""


def main() -> int:
    """Do it; exits with 1 if it cannot be done."""
    settings = load(Path(os.environ["HAFAILOVER_CONFIG"]), None)
    assert settings.etcd is not None  # noqa: S101 -- called only with this arbiter
    record = first_record(
        node=settings.node,
        boot=boot_id(os.environ),
        in_sync=(settings.node, settings.peer),
        lineages={VOLUME: sys.argv[1]},
    )
    end = time.monotonic() + _PATIENCE_S
    answer = create_record(settings.etcd, GROUP, record)
    while isinstance(answer, Unknown) and time.monotonic() < end:
        answer = create_record(settings.etcd, GROUP, record)
    if isinstance(answer, Applied):
        return 0
    sys.stderr.write(f"{answer}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
