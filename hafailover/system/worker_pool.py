"""Which worker process does which work, so that one that hangs holds up nothing else?"""

import asyncio
from collections.abc import Iterator

from hafailover.system.worker import Worker


class WorkerPool:
    """Workers by purpose: one for records, one for GEOM, and for each volume one to look and one to act."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str) -> None:
        self._loop = loop
        self._path = path
        self._workers: dict[tuple[str, str, str], Worker] = {}
        self.records = self._worker("records", "", "")
        self.geom = self._worker("geom", "", "")

    def for_steps(self, group: str, volume: str) -> Worker:
        """Return the worker that changes the files of a volume."""
        return self._worker("steps", group, volume)

    def for_looks(self, path: str) -> Worker:
        """Return the worker that looks at one image."""
        return self._worker("looks", path, "")

    def for_comparing(self) -> Worker:
        """Return the worker that reads whole images to compare them."""
        return self._worker("comparing", "", "")

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers.values():
            worker.close()

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def _worker(self, purpose: str, group: str, volume: str) -> Worker:
        key = (purpose, group, volume)
        if key not in self._workers:
            name = " ".join(word for word in key if word)
            self._workers[key] = Worker(self._loop, name, path=self._path)
        return self._workers[key]
