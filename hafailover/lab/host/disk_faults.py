"""Which image files answer with an error, as a drill wants it?

The kernel process writes ``ROOT/var/run/disk-faults``, a JSON object from path to errno; ggated's
children look at it before every request.
"""

import json
import os


def place(root: str) -> str:
    """Return the file's path."""
    return f"{root}/var/run/disk-faults"


class DiskFaults:
    """The errors in force, read again whenever the file has changed."""

    def __init__(self, root: str) -> None:
        self._place = place(root)
        self._seen = 0
        self._errors: dict[str, int] = {}

    def error(self, path: str) -> int:
        """Return the errno with which every operation on ``path`` fails, or 0."""
        try:
            changed = os.stat(self._place).st_mtime_ns  # noqa: PTH116 - on every request
        except FileNotFoundError:
            return 0
        if changed != self._seen:
            with open(self._place, encoding="utf-8") as file:  # noqa: PTH123
                self._errors = json.load(file)
            self._seen = changed
        return self._errors.get(path, 0)


def write(root: str, errors: dict[str, int]) -> None:
    """Put ``errors`` in force."""
    with open(f"{place(root)}.new", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(errors, file)
    os.replace(f"{place(root)}.new", place(root))  # noqa: PTH105
