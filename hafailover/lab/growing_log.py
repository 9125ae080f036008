"""What has been added to a log since it was last read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class GrowingLog:
    """A text file that another process appends whole lines to."""

    def __init__(self, path: Path) -> None:
        """Read ``path`` from its beginning; it need not exist yet."""
        self._path = path
        self._offset = 0

    def fresh(self) -> str:
        """Return the lines that were completed since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                raw = file.read()
        except FileNotFoundError:
            return ""
        whole = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode("ascii", "replace")
