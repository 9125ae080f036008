"""Where drills are kept, so that the next one can be compared with them."""

import json
import os
from pathlib import Path
from typing import Final

from hafailover.drill.outcome import Drill, from_json

KEPT: Final = 200
"""So many drills; the oldest go."""


class Shelf:
    """The drills of one node, one JSON file each."""

    def __init__(self, state: Path) -> None:
        """Keep them below the agent's state directory."""
        self._directory = state / "drills"

    def put(self, drill: Drill) -> Path:
        """Keep a drill; returns its file.

        Raises:
            OSError: It cannot be written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{drill.name}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(drill.to_json(), indent=2) + "\n", encoding="utf-8")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.rename(path)
        for old in sorted(self._directory.glob("*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def earlier(self, group: str) -> tuple[Drill, ...]:
        """Return the drills of a group that are kept, oldest first; what cannot be read is passed over."""
        found = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                drill = from_json(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if drill.group == group:
                found.append(drill)
        return tuple(found)
