"""How does a pause survive a restart, and no reply to the operator come before it does?"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hafailover.system.worker import Worker
from hafailover.units import seconds

_LOOK_AGAIN_S: Final = 60.0
"""A pause's end is looked for at least this often, since the wall clock can be set meanwhile."""
_DEADLINE: Final = seconds(2)
_SAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


class PauseStore:
    """One small file per group; replies wait behind a write that is under way."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: Worker,
        directory: Path,
        *,
        ended: Callable[[str], None] = lambda _group: None,
    ) -> None:
        """Keep the pauses in ``directory``; ``ended`` is called with the group whose time is over."""
        self._loop = loop
        self._ended = ended
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._worker = worker
        self._directory = directory
        self._writing: dict[str, asyncio.Task[str]] = {}

    def load(self, group: str) -> int | None:
        """Return until when the group is paused (Unix seconds, 0 = until resumed), None = not.

        A file that cannot be read counts as a pause until resumed: somebody wanted one.
        """
        try:
            document: Any = json.loads(self._path(group).read_bytes())
            until = document["until_wall"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        if not isinstance(until, int):
            return None if until is None else 0
        if until and until <= time.time():
            return None
        self._await_end(group, until)
        return until

    def persist(self, group: str, until_wall: int | None, reason: str) -> None:
        """Make a pause, or its end, durable."""
        self._await_end(group, until_wall)
        document = {"until_wall": until_wall, "reason": reason}
        earlier = self._writing.get(group)
        task = self._loop.create_task(self._write(group, document, earlier))
        self._writing[group] = task
        task.add_done_callback(lambda done: self._forget(group, done))

    def _await_end(self, group: str, until_wall: int | None) -> None:
        """Look at the wall clock again when the pause should be over; a clock that was set does not fool it."""
        pending = self._ends.pop(group, None)
        if pending is not None:
            pending.cancel()
        if until_wall:
            left = min(max(0.0, until_wall - time.time()), _LOOK_AGAIN_S)
            self._ends[group] = self._loop.call_later(left, self._look, group, until_wall)

    def _look(self, group: str, until_wall: int) -> None:
        if time.time() >= until_wall:
            self._ends.pop(group, None)
            self._ended(group)
        else:
            self._await_end(group, until_wall)

    def when_durable(self, group: str, then: Callable[[str], None]) -> None:
        """Call ``then`` with what is wrong (or nothing) once no write of the group is under way."""
        task = self._writing.get(group)
        if task is None:
            then("")
        else:
            task.add_done_callback(lambda done: then(done.result()))

    async def _write(
        self, group: str, document: dict[str, Any], earlier: asyncio.Task[str] | None
    ) -> str:
        if earlier is not None:
            await earlier
        data = json.dumps(document).encode() + b"\n"
        answer = await self._worker.call(
            "write_file", {"path": str(self._path(group)), "data": data.hex()}, _DEADLINE
        )
        return "" if answer.is_done else f"the pause is not durable: {answer.problem}"

    def _forget(self, group: str, task: asyncio.Task[str]) -> None:
        if self._writing.get(group) is task:
            del self._writing[group]

    def _path(self, group: str) -> Path:
        return self._directory / f"{_SAFE.sub('_', group)}.pause"
