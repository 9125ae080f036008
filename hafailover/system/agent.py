"""One life of the agent, from the first look at its own files to the last act."""

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from hafailover import __version__
from hafailover.errors import EX_SOFTWARE
from hafailover.group import view
from hafailover.group.events import Event, ShutdownAsked, Started
from hafailover.group.state import GroupState
from hafailover.runtime.codec import encode
from hafailover.runtime.core import Core, core_of
from hafailover.runtime.driver import Driver
from hafailover.runtime.journal import Journal
from hafailover.runtime.settings import NodeSettings
from hafailover.system.agent_edges import AgentEdges
from hafailover.system.agent_lock import AgentLock
from hafailover.system.agent_status import StatusPage
from hafailover.system.configuration_file import ConfigurationFile
from hafailover.system.early_signals import EarlySignals
from hafailover.system.eventloop import become_realtime, settle
from hafailover.system.frame_building import Frames
from hafailover.system.host import boot_id
from hafailover.system.log import CRITICAL, Log
from hafailover.system.loop_clock import LoopAlarm, MonotonicClock, wall_offset
from hafailover.system.loop_errors import LoopErrors
from hafailover.system.memory_lock import keep_stacks_small, lock_memory
from hafailover.system.writer_thread import LineWriter, RotatedFile

LAST_ACT_S: Final = 2.0
"""So long an agent that failed within goes on, to take its addresses down."""
FLUSH_S: Final = 1.0
_STDERR: Final = 2
_LAST_ORDER: Final = -1


class Agent:
    """Cores, driver and edges, and what happens between start and end."""

    def __init__(
        self, settings: NodeSettings, environment: Mapping[str, str], config: Path
    ) -> None:
        """Take the lock and make every edge; nothing is sent or started yet.

        ``config`` is the file that the settings are from.

        Raises:
            HaFailoverError: Something that is needed is not there.
        """
        keep_stacks_small()
        self._settings = settings
        self._groups = {group.name: group for group in settings.groups}
        self._loop = asyncio.get_running_loop()
        self._exit_status = 0
        self._ended = asyncio.Event()
        self._is_pumping = False
        self._lock = AgentLock(settings.paths.run)
        self._boot = boot_id(environment)
        self._log = Log(LineWriter("log", _STDERR), node=settings.node)
        self._journal_file = RotatedFile(settings.paths.journal)
        self._journal = Journal(
            self._journal_file,
            dict.fromkeys(self._groups, GroupState),
            header={
                "node": settings.node,
                "boot": self._boot,
                "agent": __version__,
                "digest": settings.digest,
            },
            bytes_max=settings.journal_bytes_max,
            offset=wall_offset,
        )
        self._edges = AgentEdges(
            settings,
            environment,
            log=self._log,
            feed=self._feed,
            status=self._status,
            state=self._state,
            finished=self._ended.set,
        )
        self._file = self._configuration_file(config, environment)
        self._clock = MonotonicClock()
        cores: dict[str, Core[Any]] = {name: core_of(group) for name, group in self._groups.items()}
        alarm = LoopAlarm(self._loop, self._wake)
        self._driver = Driver(cores, self._edges.ports(self._clock, alarm), self._journal)
        self._page = StatusPage(
            settings,
            self._driver,
            describe=self._describe,
            journal=self._journal,
            edges=self._edges,
        )

    def _configuration_file(self, path: Path, environment: Mapping[str, str]) -> ConfigurationFile:
        return ConfigurationFile(
            path,
            self._settings,
            self._edges.runner,
            environment,
            tell=self._edges.alerts.raise_alert,
            say=self._log.say,
        )

    async def run(self, frames: Awaitable[Frames], early: EarlySignals) -> int:
        """Live until every group has said that it may end; returns the exit status.

        Args:
            frames: What the groups send, once it is built.
            early: The signals that came meanwhile; they are obeyed as soon as the groups have started.

        Raises:
            HaFailoverError: It cannot start.
        """
        loop = self._loop
        records = self._edges.records.load()
        try:
            await self._edges.open(await frames)
            loop.set_exception_handler(LoopErrors(self._log.say, self._fail))
            self._obey(early)
            period = self._settings.record_test_period
            testing = loop.create_task(self._edges.records.watch(period))
            settle()
            self._say_how_it_runs()
            self._start_groups(records)
            await self._ended.wait()
            testing.cancel()
        finally:
            await self._close()
        return self._exit_status

    def _obey(self, early: EarlySignals) -> None:
        obeyed: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: partial(self._shut_down, signal.SIGTERM),
            signal.SIGINT: partial(self._shut_down, signal.SIGINT),
            signal.SIGUSR1: self._make_way,
            signal.SIGHUP: self._file.look,
        }
        for number, handler in obeyed.items():
            self._loop.add_signal_handler(number, handler)
        for number in early.came:
            self._loop.call_soon(obeyed[number])

    def _say_how_it_runs(self) -> None:
        urgency = "real-time" if become_realtime() else "ordinary"
        unlocked = lock_memory()
        memory = f"swappable memory ({unlocked})" if unlocked else "its memory locked"
        self._log.say(
            f"the agent starts on {self._settings.node} with {urgency} priority and {memory}"
        )

    def _start_groups(self, records: Mapping[str, Any]) -> None:
        incarnation, entropy = os.urandom(8).hex(), os.urandom(32).hex()
        for name in self._groups:
            started = Started(
                boot=self._boot,
                incarnation=incarnation,
                # Two groups of one life must not draw the same ids.
                entropy=f"{entropy}{name.encode().hex()}",
                records=records.get(name, ()),
                wall_s=int(time.time()),
                pause_until_wall=self._edges.pauses.load(name),
            )
            self._feed(name, started)
        self._edges.tell_surroundings()

    def _feed(self, group: str, event: Event) -> None:
        if self._exit_status:
            return
        self._edges.read_quiet()
        try:
            self._driver.feed(group, event)
        except Exception as error:  # noqa: BLE001 - the last act, whatever went wrong
            self._fail({"message": f"{group}: {type(event).__name__}", "exception": error})
        self._pump_later()

    def _wake(self) -> None:
        if self._exit_status:
            return
        # What has arrived came before the deadline, as far as anybody can tell.
        self._edges.vrrp.read()
        self._edges.read_quiet()
        try:
            self._driver.wake()
        except Exception as error:  # noqa: BLE001 - the last act, whatever went wrong
            self._fail({"message": "a deadline", "exception": error})
        self._pump_later()

    def _pump_later(self) -> None:
        if not self._is_pumping and not self._journal.is_idle:
            self._is_pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Encode one step; what is due in the loop comes before the next one."""
        self._is_pumping = False
        self._journal.pump()
        self._pump_later()

    def _fail(self, context: Mapping[str, Any]) -> None:
        """Something within is broken: take the addresses down, and end; daemon(8) starts anew."""
        error = context.get("exception")
        text = str(context.get("message", ""))
        if isinstance(error, BaseException):
            text += "\n" + "".join(traceback.format_exception(error))
        for line in text.splitlines():
            self._log.say(f"internal error: {line}", CRITICAL)
        if self._exit_status:
            return
        self._exit_status = EX_SOFTWARE
        # First of all, whatever of the last acts fails as well: an agent that is deaf and never ends is worse.
        self._loop.call_later(LAST_ACT_S, self._ended.set)
        for name in self._groups:
            self._edges.addresses.release(name, _LAST_ORDER)
        for name in self._groups:
            self._journal.flush(name)

    def _shut_down(self, number: signal.Signals) -> None:
        self._log.say(f"{number.name}: the agent stops")
        for name in self._groups:
            # One that has stopped already says so only once.
            if self._driver.state(name).has_left:
                self._edges.host.wait_for(name)
            self._feed(name, ShutdownAsked())

    def _make_way(self) -> None:
        self._log.say("SIGUSR1: the agent makes way for its next life and leaves everything up")
        for name in self._groups:
            self._feed(name, ShutdownAsked(keep_running=True))

    def _describe(self, group: str) -> dict[str, Any]:
        return view.describe(self._driver.state(group), self._groups[group], self._clock.now())

    def _status(self, group: str | None) -> dict[str, Any]:
        return self._page.document(group)

    def _state(self, group: str) -> dict[str, Any]:
        """Return everything that a group knows, for who explains or plans with it outside the agent."""
        return {
            "digest": self._groups[group].digest,
            "now": self._clock.now(),
            "state": encode(GroupState, self._driver.state(group)),
        }

    async def _close(self) -> None:
        await self._edges.close()
        while self._journal.pump():
            pass
        self._journal_file.close(FLUSH_S)
        self._log.say(f"the agent on {self._settings.node} has ended")
        self._log.close(FLUSH_S)
        self._lock.release()
