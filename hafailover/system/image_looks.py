"""How are image files looked at without the loop waiting for their disk?"""

import asyncio
from collections.abc import Callable
from typing import Final

from hafailover.storage.facts import ImageFacts
from hafailover.storage.observing import LOOK
from hafailover.system.file_tasks import look_at_image
from hafailover.system.worker import Worker

_HUNG: Final = "an earlier look at it still hangs"


class ImageLooks:
    """Looks at images, each through a worker of its own, never twice at once after a hang."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, worker_for: Callable[[str], Worker]
    ) -> None:
        self._loop = loop
        self._worker_for = worker_for
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, path: str, done: Callable[[ImageFacts], None]) -> None:
        """Look; ``done`` is called later, exactly once."""
        task = self._loop.create_task(self._look(path, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, path: str, done: Callable[[ImageFacts], None]) -> None:
        worker = self._worker_for(path)
        if worker.stuck:
            done(ImageFacts(exists=True, problem=_HUNG))
            return
        done(await look_at_image(worker, path, LOOK))
