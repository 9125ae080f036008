"""One simulated host: disks that stay, a kernel and processes that a loss of power takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.emulation.effects import (
    BlockDone,
    CommandFinished,
    Effect,
    FilesystemWork,
    GateWork,
    KernelMessage,
    ProgramRequested,
    Reset,
)
from hafailover.emulation.files import FileError, MemoryFileStore
from hafailover.emulation.kernel import Kernel
from hafailover.emulation.machine import KernelConfig
from hafailover.sim.mesh import Trees
from hafailover.sim.processes import Processes
from hafailover.sim.stubborn import Stubbornness, busy_umount
from hafailover.sim.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.sim.agent import Agent
    from hafailover.sim.world import World


_MILLION = 1_000_000


class Host:
    """One host. ``life`` grows with every boot and every reset: what belongs to an older one is dead."""

    def __init__(self, world: World, name: str, addresses: dict[str, str]) -> None:
        self.world = world
        self.name = name
        self.addresses = addresses
        self.files = MemoryFileStore()
        self.kernel: Kernel | None = None
        self.life = 0
        self.is_on = False
        self.is_frozen = False
        self.agent: Agent | None = None
        self.processes = Processes(self)
        self.trees = Trees()
        self.virtual: set[str] = set()
        self.thawed_at: int | None = None
        self.link_up = True
        self.stubbornness = Stubbornness()
        self.watchdog: Watchdog | None = None
        self._frozen_at = 0
        self._clock = (0, 0, 0)
        """When (world's time) the clock said what, and by how many parts in a million it has run too fast since."""
        self._commands: dict[int, Callable[[CommandFinished], None]] = {}
        self._blocks: dict[int, Callable[[int, bytes], None]] = {}
        self._tag = 0
        self._tick_at: int | None = None
        self._thawed: list[Callable[[], None]] = []

    @property
    def now(self) -> int:
        """The world's time."""
        return self.world.timeline.now

    @property
    def clock(self) -> int:
        """What this host's own clock says: it may run too fast or too slow."""
        base, told, drift = self._clock
        passed = self.world.timeline.now - base
        return told + passed + passed * drift // _MILLION

    def when_clock_says(self, told: int) -> int:
        """Return the world's time at which this host's clock will say ``told``, or a moment later."""
        base, at_base, drift = self._clock
        return base - (at_base - told) * _MILLION // (_MILLION + drift) + 1 if drift else told

    def set_drift(self, drift: int) -> None:
        """Let the clock run ``drift`` parts in a million too fast from now on; negative: too slow."""
        self._clock = (self.now, self.clock, drift)

    def jump(self, span_ns: int) -> None:
        """Let the clock jump forward, as after a pause that the host did not notice; the agent is woken by it."""
        drift = self._clock[2]
        self._clock = (self.now, self.clock + span_ns, drift)
        if self.agent is not None:
            self.agent.wake()

    @property
    def answers(self) -> bool:
        """Whether the host's network stack answers; a frozen one does not."""
        return self.is_on and not self.is_frozen

    def boot(self) -> None:
        """Switch on: an empty kernel, no processes."""
        self.life += 1
        self.is_on = True
        self.is_frozen = False
        self.kernel = Kernel(
            KernelConfig(
                hostname=self.name,
                seed=self.world.timeline.dice.getrandbits(32),
                sync_rate=self.world.sync_rate,
            ),
            self.files,
        )
        self.kernel.machine.tell_tree = self.trees.tell
        span = self.world.settings[self.name].watchdog.span
        self.watchdog = Watchdog(self, span) if span else None
        self.kernel.tick(self.now)
        self.drain()

    def power_off(self) -> None:
        """Lose power: processes and kernel are gone, and some of what was only cached."""
        self.life += 1
        self.is_on = False
        self.is_frozen = False
        self.kernel = None
        self.agent = None
        self.processes.lose_all()
        self.virtual.clear()
        self._commands.clear()
        self._blocks.clear()
        self._tick_at = None
        for path in self.files.holders:
            self.files.holders[path] = ()
        dice = self.world.timeline.dice
        for image in self.world.images(self.name):
            lost = tuple(block for block in self.files.unsynced(image) if dice.random() < 0.7)
            self.files.lose_power(image, lost)

    def freeze(self) -> None:
        """Stop everything, as a hypervisor's pause does."""
        self.is_frozen = True
        self._frozen_at = self.now

    def thaw(self) -> None:
        """Go on where everything stopped."""
        self.is_frozen = False
        self.thawed_at = self.now
        if self.watchdog is not None:
            self.watchdog.stood_still(self.now - self._frozen_at)
        waiting, self._thawed = self._thawed, []
        for call in waiting:
            call()
        self.tick()

    def when_thawed(self, call: Callable[[], None]) -> None:
        """Keep something for the moment the host goes on."""
        self._thawed.append(call)

    def run(self, argv: tuple[str, ...], done: Callable[[CommandFinished], None]) -> int:
        """Start a command; ``done`` is called when it ends, however late."""
        if self.kernel is None:
            return 0
        if argv[0] == "umount" and "-f" not in argv and self._has_users():
            self.kernel.add_fault(busy_umount())
        ticket = self.kernel.execute(argv, self.now)
        self._commands[ticket] = done
        if argv[0] == "mdconfig":
            self.world.checker.attached(self)
        self.world.timeline.after(self.world.command_ns, self.drain_of(self.life))
        return ticket

    def _has_users(self) -> bool:
        """Whether somebody uses the volumes who cannot be ended now."""
        return self.stubbornness.keeps_users and self.world.workload.runs_on(self)

    def submit(
        self, device: str, request: Callable[[int], object], done: Callable[[int, bytes], None]
    ) -> bool:
        """Send a block request to a device; False if there is none."""
        kernel = self.kernel
        handle = None if kernel is None else kernel.open_device(device)
        if kernel is None or handle is None:
            return False
        self._tag += 1
        self._blocks[self._tag] = done
        kernel.submit(handle, request(self._tag), self.now)  # type: ignore[arg-type]
        self.drain()
        return True

    def tick(self) -> None:
        """Let the kernel's own callouts happen."""
        if self.kernel is not None and not self.is_frozen:
            self.kernel.tick(self.now)
            self.drain()

    def drain_of(self, life: int) -> Callable[[], None]:
        """Return a call that drains the kernel if it is still the same one."""

        def call() -> None:
            if self.life == life and not self.is_frozen:
                self.drain()

        return call

    def drain(self) -> None:
        """Carry out what the kernel wants done."""
        kernel = self.kernel
        while kernel is not None and kernel is self.kernel:
            effects = kernel.effects()
            if not effects:
                break
            for effect in effects:
                self._perform(effect)
        self._arm()

    def _arm(self) -> None:
        due = None if self.kernel is None else self.kernel.deadline()
        if due is None or (self._tick_at is not None and self._tick_at <= due):
            return
        self._tick_at = due
        life = self.life

        def fire() -> None:
            if self.life == life:
                self._tick_at = None
                if self.is_frozen:
                    self._thawed.append(self.tick)
                else:
                    self.tick()

        self.world.timeline.at(due, fire)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case CommandFinished(ticket=ticket):
                done = self._commands.pop(ticket, None)
                if done is not None:
                    done(effect)
            case BlockDone(tag=tag, error=error, data=data):
                answer = self._blocks.pop(tag, None)
                if answer is not None:
                    answer(error, data)
            case GateWork(unit=unit):
                self.processes.work(unit)
            case ProgramRequested(ticket=ticket, argv=argv):
                self.processes.start(ticket, argv)
            case FilesystemWork(work=work):
                if self.kernel is not None:
                    self.kernel.filesystem_done(work, 0, self.now)
            case Reset():
                self.world.reset(self)
            case KernelMessage(text=text):
                self._hear(text)

    def _hear(self, text: str) -> None:
        """Tell the checker what only the kernel knows."""
        self.world.note(self.name, f"kernel: {text}")
        if "rebuilding provider" in text:
            if text.endswith("finished."):
                self.world.checker.rebuild_ended(self)
            elif not text.endswith("stopped."):
                self.world.checker.rebuild_began(self)
        elif text.endswith("disconnected."):
            self.world.checker.dropped(self)
        elif text.endswith("launched (2/2)."):
            self.world.checker.joined(self)
        elif text.endswith("launched (1/1)."):
            self.world.checker.went_alone(self)

    def set_sync_rate(self) -> None:
        """Let a running kernel rebuild as fast as the world says from now on."""
        if self.kernel is not None:
            self.kernel.machine.settings.sync_rate = self.world.sync_rate

    def hang_disk(self) -> None:
        """Have the disk under the images take no request any more, until power is lost."""
        if self.kernel is not None:
            for image in self.world.images(self.name):
                self.kernel.machine.md.hang(image)

    def hangs(self, image: str) -> bool:
        """Whether the disk under an image takes no requests."""
        return self.kernel is not None and self.kernel.machine.md.hangs(image)

    def wrote(self, image: str, writer: str) -> None:
        """Tell the checker who wrote an image."""
        self.world.checker.image_written(self.name, image, writer)

    def tail(self, image: str) -> bytes:
        """Return the last sector of an image."""
        size = self.files.stat(image).size
        return self.files.pread(image, size - 512, 512)

    def write_tail(self, image: str, sector: bytes) -> str:
        """Write and sync the last sector; return the problem, empty if none."""
        try:
            size = self.files.stat(image).size
            self.files.pwrite(image, size - 512, sector)
            self.files.fsync(image)
        except FileError as error:
            return f"error {error.error}"
        return ""
