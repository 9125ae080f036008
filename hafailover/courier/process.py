"""The courier as a process: ``python -m hafailover.courier.process``.

The agent talks to it over its standard input and hears it on its standard output, JSON objects, one a
line. The first is ``{"settings": {...}, "directory": "...", "life": 1700000000000}``, when the agent
began, in milliseconds since 1970; then ``{"alert": {...}, "id": 7}``, which is answered by ``{"have":
7}`` once it is on the disk (or known to be in memory only), and ``{"alive": true}``. From time to time it
says ``{"say": "sentence"}`` for the log, and ``{"counts": {...}}``. At the end of its input it ends; what
is not delivered waits on the disk for the next life.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

from hafailover.courier.delivery import Round, put
from hafailover.courier.destinations import destinations_of, fetch
from hafailover.courier.open_alerts import OpenAlerts
from hafailover.courier.spool import Spool
from hafailover.runtime.alerting import Alert
from hafailover.runtime.codec import decode
from hafailover.runtime.settings import AlertSettings, DeadManSettings
from hafailover.units import MILLISECOND, SECOND

ALIVE_MAX_S: Final = 30.0
"""An agent that has said nothing for so long is not alive."""
_NICE: Final = 10
_LINE_MAX: Final = 4 << 20
_COUNTS_S: Final = 2.0
_RETRY_DISK_S: Final = 30.0
_DEAD_MAN_DEADLINE_S: Final = 10.0
_LAST_ROUND_S: Final = 2.0


class Courier:
    """One life of the process."""

    def __init__(
        self,
        settings: AlertSettings,
        directory: Path,
        life_ms: int,
        now_ms: Callable[[], int] = lambda: time.time_ns() // MILLISECOND,
    ) -> None:
        """Read what an earlier life left behind.

        Args:
            settings: Whom to tell, and how often.
            directory: Where what is not delivered waits.
            life_ms: When the agent began, in milliseconds since 1970.
            now_ms: The time of day, likewise.
        """
        self._settings = settings
        self._now_ms = now_ms
        self._spool = Spool(directory, settings.queue, self._say)
        found = destinations_of(settings)
        self._spool.keep_only({each.name for each in found})
        self._rounds = [Round(each, self._spool, self._say) for each in found]
        repeat_ms = settings.repeat // MILLISECOND
        self._open = OpenAlerts(repeat_ms, self._spool.read_open(), life_ms)
        self._alive_at = time.monotonic()
        self._counts: dict[str, Any] = {}
        self._changed = asyncio.Event()

    def take(self, message: dict[str, Any]) -> None:
        """Take one message of the agent in."""
        self._alive_at = time.monotonic()
        if "alert" in message:
            said = self._open.take(decode(Alert, message["alert"]))
            # In this order: one that is noted as open, and was not put, would never be said.
            if said is not None:
                put(self._spool, self._rounds, said)
            self._spool.save_open(self._open.all)
            _tell({"have": message["id"]})
            self._changed.set()

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Serve until the agent is gone."""
        # A duty that fails ends all of them: the agent hears of it, and starts another courier.
        async with asyncio.TaskGroup() as group:
            duties = [group.create_task(each) for each in self._duties()]
            # A reset is an end too: the agent went before it had read everything.
            with contextlib.suppress(ConnectionError):
                while line := await lines.readline():
                    self.take(json.loads(line))
            await self._finish()
            for duty in duties:
                duty.cancel()

    def _duties(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what goes on for as long as the agent lives."""
        for each in self._rounds:
            yield each.run()
        yield self._repeat()
        yield self._report()
        if self._settings.dead_man is not None:
            yield self._sign_of_life(self._settings.dead_man)

    async def _finish(self) -> None:
        """Give what was just raised, perhaps because the agent ends, its chance."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ROUND_S):
                while len(self._spool) and not any(each.trouble for each in self._rounds):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _repeat(self) -> None:
        """Say again what lasts."""
        while True:
            self._changed.clear()
            due = tuple(self._open.due(self._now_ms()))
            for alert in due:
                put(self._spool, self._rounds, alert)
            if due:
                self._spool.save_open(self._open.all)
            at = self._open.next_ms()
            pause = None if at is None else max(0.0, (at - self._now_ms()) / 1000)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _report(self) -> None:
        """Tell the agent how it goes, and try a disk that failed again."""
        tried = time.monotonic()
        while True:
            counts = {
                "waiting": len(self._spool),
                "only_in_memory": self._spool.only_in_memory,
                "dropped": self._spool.dropped,
                "failing": {
                    each.destination.name: each.trouble.text
                    for each in self._rounds
                    if each.trouble is not None
                },
            }
            if counts != self._counts:
                self._counts = counts
                _tell({"counts": counts})
            if time.monotonic() - tried >= _RETRY_DISK_S:
                tried = time.monotonic()
                self._spool.save_all()
            await asyncio.sleep(_COUNTS_S)

    async def _sign_of_life(self, settings: DeadManSettings) -> None:
        """Call somebody who misses it: while the agent lives and nothing critical is open."""
        was_reached = True
        while True:
            is_alive = time.monotonic() - self._alive_at < ALIVE_MAX_S
            if is_alive and not self._open.has_critical:
                failure = await fetch(settings.url, _DEAD_MAN_DEADLINE_S)
                if (failure is None) != was_reached:
                    was_reached = failure is None
                    self._say(f"dead man: {failure.text if failure else 'reached again'}")
            await asyncio.sleep(settings.interval / SECOND)

    def _say(self, text: str) -> None:
        _tell({"say": text})


def _tell(message: dict[str, Any]) -> None:
    # An agent that is gone reads nothing; the end of the input will tell.
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


async def serve() -> None:
    """Read the settings, then serve."""
    lines = asyncio.StreamReader(limit=_LINE_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if not first:
        return
    message = json.loads(first)
    settings = decode(AlertSettings, message["settings"])
    await Courier(settings, Path(message["directory"]), int(message["life"])).run(lines)


def main() -> None:
    """Be the courier: quietly, behind everything that matters more."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    status = 1
    try:
        # Not asyncio.run, which waits for its threads, as the end of Python does: one that asks a web
        # server, or waits for a resolver, must not keep the process.
        asyncio.new_event_loop().run_until_complete(serve())
        status = 0
    except Exception:  # noqa: BLE001 - whatever it is, the agent reads it
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
