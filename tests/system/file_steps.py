"""How do the tests perform a step that is work on files?"""

import asyncio
from pathlib import Path

from hafailover.storage.steps import FileStep, FileTask, StepOutcome
from hafailover.system.file_tasks import run_file_step
from hafailover.system.worker import Worker
from hafailover.units import seconds

PATIENT = seconds(60)
"""A deadline that only a broken worker misses, however busy the machine."""


def step(task: FileTask, path: Path | str, **arguments: str) -> FileStep:
    return FileStep(task=task, path=str(path), deadline=PATIENT, arguments=tuple(arguments.items()))


def perform(wanted: FileStep) -> StepOutcome:
    async def whole() -> StepOutcome:
        worker = Worker(asyncio.get_running_loop(), "a test")
        try:
            return await run_file_step(worker, wanted)
        finally:
            worker.close()

    return asyncio.run(whole())
