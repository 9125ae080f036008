"""What makes up one modelled host, as its commands see it?"""

import random
from dataclasses import dataclass

from hafailover.emulation.bootdisk import add_boot_disk
from hafailover.emulation.confxml import render
from hafailover.emulation.devices import DevClass, LabelClass, NamedClass, ProbingClass
from hafailover.emulation.effects import (
    Effect,
    FilesystemVerb,
    FilesystemWork,
    GateWork,
    KernelMessage,
)
from hafailover.emulation.events import EventThread
from hafailover.emulation.faults import Faults
from hafailover.emulation.files import FileStore
from hafailover.emulation.gate import GateClass
from hafailover.emulation.geom import Provider
from hafailover.emulation.md import MdClass
from hafailover.emulation.mirror import MirrorHost, MirrorSettings
from hafailover.emulation.mirror_class import MirrorClass
from hafailover.emulation.mounts import MountTable
from hafailover.emulation.tasks import Completion, Coroutine, Lock, Scheduler
from hafailover.emulation.topology import Topology

_FIRST_ADDRESS = 0xFFFFF80003E00000
_MESSAGES_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelConfig:
    """How a host is built.

    ``filesystems``: somebody outside keeps the contents of mounted file systems and answers
    ``FilesystemWork``; otherwise such work succeeds at once. ``sync_rate``: bytes per second of a
    rebuild, None for no limit.
    """

    hostname: str
    seed: int
    release: str = "14.0-CURRENT"
    filesystems: bool = False
    sync_rate: int | None = None
    modules: tuple[str, ...] = ("geom_mirror", "geom_gate")
    boot_time: int = 1795330000
    """Seconds since 1970, for kern.boottime."""
    values: tuple[tuple[str, str], ...] = ()
    """Further sysctl values."""


class Machine:
    """All state of one host between two boots."""

    def __init__(self, config: KernelConfig, files: FileStore) -> None:
        self.config = config
        self.files = files
        self.random = random.Random(config.seed)  # noqa: S311 - reproducible, not secret
        self.scheduler = Scheduler()
        self.events = EventThread(self.scheduler)
        self.topology = Topology(self.scheduler, self.events, self._address)
        self.topology_lock = Lock()
        self.modules = {"kernel", *config.modules}
        self.faults = Faults()
        self.effects: list[Effect] = []
        self.messages: list[str] = []
        self.labels = {"ufsid": 1, "ufs": 1}
        self.settings = MirrorSettings(sync_rate=config.sync_rate)
        self.handles: dict[int, Provider] = {}
        self.tell_tree = render
        """How ``kern.geom.confxml`` is written; who reads the tree past its text puts something cheaper here."""
        self._next_address = _FIRST_ADDRESS
        self._next_work = 0
        self._works: dict[int, Completion] = {}
        self._build_classes()
        self.mounts = MountTable(self)

    def _build_classes(self) -> None:
        topology = self.topology
        self.gates = GateClass(topology, self.topology_lock, self._gate_work)
        self.mirrors = MirrorClass(
            MirrorHost(
                topology=topology,
                settings=self.settings,
                lock=self.topology_lock,
                log=self.log,
                random32=lambda: self.random.getrandbits(32),
                loaded=lambda: "geom_mirror" in self.modules,
            )
        )
        self.md = MdClass(topology, self.files)
        self.dev = DevClass(topology)
        self.vfs = NamedClass("VFS")
        for cls in (
            self.gates,
            self.mirrors,
            ProbingClass(topology, "RAID", 1),
            self.md,
            NamedClass("DISK"),
            self.dev,
            ProbingClass(topology, "PART", 2),
            NamedClass("SWAP"),
            LabelClass(topology, self.labels),
            self.vfs,
        ):
            topology.register(cls)
        add_boot_disk(topology, {cls.name: cls for cls in topology.classes})

    def load(self, module: str) -> None:
        """Load a kernel module; the mirror class then tastes everything that is there."""
        if module in self.modules:
            return
        self.modules.add(module)
        if module == "geom_mirror":
            self.topology.taste_all(self.mirrors)

    def log(self, text: str) -> None:
        """Write a line into the message buffer."""
        self.messages.append(text)
        del self.messages[:-_MESSAGES_KEPT]
        self.effects.append(KernelMessage(text=text))

    def provider(self, path: str) -> Provider | None:
        """Look a provider up by ``/dev/NAME`` or ``NAME``."""
        return self.topology.providers.get(device_name(path))

    def handle(self, provider: Provider) -> int:
        """Return the number under which ``provider`` takes requests from outside."""
        for number, known in self.handles.items():
            if known is provider:
                return number
        number = len(self.handles) + 1
        self.handles[number] = provider
        return number

    def filesystem(
        self,
        verb: FilesystemVerb,
        provider: Provider,
        *,
        directory: str = "",
        readonly: bool = False,
        force: bool = False,
    ) -> Coroutine[int]:
        """Have the keeper of the contents do something; sleep until it has; 0 or an error."""
        if not self.config.filesystems:
            return 0
        self._next_work += 1
        work = FilesystemWork(
            work=self._next_work,
            verb=verb,
            device=self.handle(provider),
            name=provider.name,
            size=provider.mediasize,
            directory=directory,
            readonly=readonly,
            force=force,
        )
        completion = self._works[work.work] = Completion()
        self.effects.append(work)
        error: int = yield completion
        return error

    def filesystem_done(self, work: int, error: int) -> None:
        """Pass on the keeper's answer."""
        completion = self._works.pop(work, None)
        if completion is not None:
            completion.finish(error)

    def _gate_work(self, unit: int) -> None:
        self.effects.append(GateWork(unit=unit))

    def _address(self) -> int:
        self._next_address += 0x100 * self.random.randrange(1, 16)
        return self._next_address


def device_name(path: str) -> str:
    """Return the provider's name for ``/dev/NAME`` or ``NAME``."""
    return path.removeprefix("/dev/")
