"""The whole lab: a directory, two networks, two nodes, the client and the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import hafailover
from hafailover.lab import client, configuration, etcd_cluster, first_setup, kernel, power_switch
from hafailover.lab.bystander import Bystander
from hafailover.lab.etcd_cluster import EtcdCluster
from hafailover.lab.growing_log import GrowingLog
from hafailover.lab.node import Node
from hafailover.lab.node_files import NodeFiles
from hafailover.lab.observer import Observer
from hafailover.lab.plan import FLOATING_ADDRESS, WEB_PAIR, Machine
from hafailover.lab.power_switch import PowerSwitch
from hafailover.lab.supervisor import NodeSheet
from hafailover.lab.switch import Switch
from hafailover.lab.workload import program, records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from hafailover.lab.configuration import Tuning

_HEAD_START_S: Final = 15.0
"""How long the first agent has at most until its control socket is there."""

_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """What plays the parts on each node, given the node's own view and its name."""

    kernel: Callable[[NodeFiles, str], list[str]]
    agent: Callable[[list[str]], list[str]]
    """Gets the command line of the agent, and may give another one."""
    after_power_off: Callable[[Path], None]
    prepare: Callable[[World], Awaitable[None]] | None
    """Makes the volume, once, while the nodes run without their agents; None: nobody does.

    Then no key is there either, and no agent is started: that is left to who plays with the lab.
    """


PRODUCT: Final = Cast(
    kernel=kernel.command,
    agent=list,
    after_power_off=kernel.after_power_off,
    prepare=first_setup.prepare,
)
"""The emulated kernel and the agent itself."""


BARE: Final = replace(PRODUCT, prepare=None)
"""The same hosts as they are before anybody has set them up."""


class World:
    """Everything that stands between the first power-on and the last power-off."""

    def __init__(self, directory: Path, tuning: Tuning, cast: Cast = PRODUCT) -> None:
        """Prepare a lab in ``directory``, which exists and is empty."""
        self._cast = cast
        self.directory = directory
        self.tuning = tuning
        self.paths = configuration.Paths(own=directory / "self")
        self.switch = Switch()
        self.nodes: dict[str, Node] = {}
        self.bystanders: dict[str, Bystander] = {}
        self.observer = Observer(self._pids, self.paths.files.mount_point, FLOATING_ADDRESS)
        self._answer_log = GrowingLog(self.client_log)
        self._answers: list[client.Answered] = []
        self._promise_logs: dict[str, GrowingLog] = {}
        self._promises: list[records.Acknowledgement] = []
        self._watching: asyncio.Task[None] | None = None
        self.etcd: EtcdCluster | None = None
        """The arbiter's servers, if the arbiter is etcd."""
        self._power_switch: PowerSwitch | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        await self._stack.enter_async_context(self.switch)
        self._stack.push_async_callback(self._end)
        self.shared.mkdir()
        self.paths.own.mkdir()
        key = secrets.token_hex(32)
        text = configuration.configuration(WEB_PAIR, self.paths, self.tuning)
        for machine in WEB_PAIR.nodes:
            self.nodes[machine.name] = self._prepare(machine, text, key)
        for machine in (*WEB_PAIR.bystanders, *_arbiter_machines(self.tuning)):
            self.bystanders[machine.name] = Bystander(machine, self.switch)
        if self.tuning.arbiter == "etcd":
            self.etcd = EtcdCluster(self.bystanders, self.shared / "etcd")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def shared(self) -> Path:
        """A directory outside the nodes, at the same path for all of them."""
        return self.directory / "shared"

    @property
    def client_log(self) -> Path:
        """The answers that the client got."""
        return self.shared / "answers"

    def _pids(self) -> dict[str, int]:
        return {name: node.pid for name, node in self.nodes.items() if node.pid is not None}

    def _prepare(self, machine: Machine, text: str, key: str) -> Node:
        """Write a node's files, as an administrator would have set the host up."""
        home = self.directory / machine.name
        files = NodeFiles(root=home)
        files.make()
        own = configuration.Paths(own=home)
        own.configuration.parent.mkdir()
        own.configuration.write_text(text, encoding="utf-8")
        if self._cast.prepare is not None:
            own.key.write_text(key, encoding="ascii")
            own.key.chmod(0o600)
        view = self.paths.files
        program.install(
            files.programs,
            mount_point=view.mount_point,
            run=view.run,
            log_directory=self.shared,
            address=FLOATING_ADDRESS,
        )
        self._install(files.programs / "hafailover", "hafailover")
        self._install(files.programs / "service", f"hafailover.lab.rc_service {self.paths.own}")
        power_switch.install(files.programs)
        sheet = NodeSheet(
            name=machine.name,
            home=str(home),
            own=str(self.paths.own),
            ports=[(p.interface, [str(a) for a in p.addresses]) for p in machine.ports],
            gateway="",
            kernel=self._cast.kernel(view, machine.name),
            agent=self._cast.agent(self.hafailover("run")),
            agent_waits=True,
            environment=self._environment(),
        )
        return Node(machine, sheet, self.switch, self._cast.after_power_off)

    def _install(self, program: Path, module: str) -> None:
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n', "ascii")
        program.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        package = str(Path(hafailover.__file__).parent.parent)
        return {
            "PATH": f"{self.paths.files.programs}:{_SYSTEM_PATH}",
            "PYTHONPATH": package,
            "HOME": str(self.paths.own),
            "LANG": "C.UTF-8",
            "TERM": os.environ.get("TERM", "dumb"),
            "HAFAILOVER_CONFIG": str(self.paths.configuration),
            "HAFAILOVER_LAB": "1",
            "HAFAILOVER_PATH": str(self.paths.files.programs),
            "HAFAILOVER_WATCHDOG": str(self.paths.files.kernel_door),
        }

    def hafailover(self, verb: str, *arguments: str) -> list[str]:
        """Return the command line of ``hafailover VERB`` in a node.

        The environment of everything in a node names its configuration.
        """
        return [sys.executable, "-m", "hafailover", verb, *arguments]

    async def start(self) -> None:
        """Power everything on, and begin to watch."""
        await asyncio.gather(*(one.power_on() for one in self.bystanders.values()))
        await self._start_arbiter()
        await asyncio.gather(*(node.power_on() for node in self.nodes.values()))
        if self._cast.prepare is not None:
            await self._cast.prepare(self)
            await self._start_agents()
        await self.start_client()
        self._watching = asyncio.create_task(self.observer.watch())

    async def _start_arbiter(self) -> None:
        if self.etcd is not None:
            await self.etcd.start_all()
        if self.tuning.arbiter == "fence":
            machine = self.bystanders[power_switch.MACHINE.name]
            self._power_switch = PowerSwitch(machine, self.nodes)
            await self._power_switch.start()

    async def _start_agents(self) -> None:
        """Start the preferred node's agent first, so that every story begins in the same way.

        Alone it does not serve: it has to speak to its peer first.
        """
        first, second = self.nodes.values()
        await first.start_agent()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_START_S):
                while not first.files.control_door.exists():  # noqa: ASYNC110 -- nothing tells
                    await asyncio.sleep(0.02)
        await second.start_agent()

    async def start_client(self) -> None:
        """Let the client ask, from now on."""
        await self.bystanders["client"].start(
            sys.executable,
            "-m",
            "hafailover.lab.client",
            FLOATING_ADDRESS,
            str(program.PORT),
            str(self.client_log),
            environment=self._environment(),
            log=self.shared / "client.log",
        )

    async def _end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._power_switch is not None:
            self._power_switch.stop()
        for node in self.nodes.values():
            await node.power_off()
        for machine in self.bystanders.values():
            await machine.power_off()

    def answers(self) -> Sequence[client.Answered]:
        """Return every answer that the client has got so far, in order of time."""
        self._answers += client.decode_answers(self._answer_log.fresh())
        return self._answers

    def acknowledged(self) -> Sequence[records.Acknowledgement]:
        """Return every record that was acknowledged so far, in order of time."""
        for path in self.shared.glob("acknowledged-*"):
            log = self._promise_logs.setdefault(path.name, GrowingLog(path))
            self._promises += records.decode_acknowledgements(log.fresh())
        self._promises.sort(key=lambda promise: promise.acknowledged_ns)
        return tuple(self._promises)

    def image(self, node: str) -> Path:
        """Return the image file of ``node``, in the lab's view."""
        return configuration.Paths(own=self.directory / node).image


def _arbiter_machines(tuning: Tuning) -> tuple[Machine, ...]:
    match tuning.arbiter:
        case "etcd":
            return etcd_cluster.MEMBERS
        case "fence":
            return (power_switch.MACHINE,)
        case _:
            return ()
