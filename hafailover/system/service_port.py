"""Runs the commands of the services that live on top of the data."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from hafailover.group.actions import ServiceVerb
from hafailover.group.events import Event, ServiceFinished
from hafailover.group.settings import ServiceSettings
from hafailover.storage.steps import StepOutcome
from hafailover.system.output_file import empty_if_long
from hafailover.system.runner import Runner
from hafailover.system.step_port import outcome_of
from hafailover.units import Nanoseconds


class ServicePort:
    """Starts, stops and checks; each run is answered by ``ServiceFinished``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        services: Mapping[tuple[str, str], ServiceSettings],
        feed: Callable[[str, Event], None],
        *,
        directory: Path,
    ) -> None:
        """Make the port; ``services`` are found by (group, name).

        What their commands write goes into files in ``directory``, on no volume: a daemon may keep them open for
        as long as it runs, longer than the agent does.
        """
        self._loop = loop
        self._runner = runner
        self._services = services
        self._feed = feed
        self._directory = directory

    def run(self, group: str, run_id: int, service: str, verb: ServiceVerb) -> None:
        """Run one command; one that is not configured has nothing to do, and is done."""
        argv, deadline = _command(self._services[group, service], verb)
        if not argv:
            self._loop.call_soon(self._answer, group, run_id, StepOutcome(status=0))
            return
        for path in self._files(group, service, ServiceVerb.START):
            empty_if_long(path)
        self._runner.start(
            argv,
            deadline=deadline,
            done=lambda ended: self._answer(group, run_id, outcome_of(ended)),
            files=self._files(group, service, verb),
        )

    def _files(self, group: str, service: str, verb: ServiceVerb) -> tuple[Path, Path]:
        stem = f"{group}:{service}.{verb.value}"
        return self._directory / f"{stem}.out", self._directory / f"{stem}.err"

    def _answer(self, group: str, run_id: int, outcome: StepOutcome) -> None:
        self._feed(group, ServiceFinished(id=run_id, outcome=outcome))


def _command(settings: ServiceSettings, verb: ServiceVerb) -> tuple[tuple[str, ...], Nanoseconds]:
    match verb:
        case ServiceVerb.START:
            return settings.start, settings.start_deadline
        case ServiceVerb.STOP:
            return settings.stop, settings.stop_deadline
        case ServiceVerb.CHECK:
            return settings.check, settings.check_deadline
