"""One emulated host's kernel as a process: ``python -m hafailover.lab.host.kerneld ROOT NAME``.

With ``--bare`` behind it nobody keeps the contents of mounted file systems: mounting changes only
the state on the device.

Everything in it is gone when the process ends; the images stay as they are on the disk. A reset
(``reboot -nq``) leaves the file ``ROOT/var/run/reset`` and ends the process with status 88: whoever
holds the host's power then cuts it.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Final

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
from hafailover.emulation.kernel import Kernel
from hafailover.emulation.machine import KernelConfig
from hafailover.lab.host.door import Door
from hafailover.lab.host.files import RealFiles
from hafailover.lab.host.filesystems import Filesystems
from hafailover.lab.host.gate_channel import GateChannel
from hafailover.lab.host.install import install

RESET_STATUS: Final = 88
"""Exit status of a kernel that reset its host."""

_LOG: Final = logging.getLogger("kerneld")


class KernelProcess:
    """A ``Kernel`` on real files, in real time."""

    def __init__(self, root: Path, name: str, *, filesystems: bool = True) -> None:
        self.root = root
        self._start = time.monotonic_ns()
        self.files = RealFiles(str(root))
        config = KernelConfig(
            hostname=name,
            seed=random.SystemRandom().getrandbits(32),
            filesystems=filesystems,
            boot_time=int(time.time()),
        )
        self.kernel = Kernel(config, self.files)
        self.filesystems = Filesystems(self)
        self.door = Door(self)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._channels: dict[int, GateChannel] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._settling = False
        self._watchdog: asyncio.TimerHandle | None = None

    def now(self) -> int:
        """Return nanoseconds since the kernel started."""
        return time.monotonic_ns() - self._start

    def settle(self) -> None:
        """Carry out all effects, and be here again at the next deadline."""
        if self._settling:
            return
        self._settling = True
        try:
            while effects := self.kernel.effects():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._settling = False
        self._arm()

    def serve_gate(self, unit: int, channel: GateChannel) -> None:
        """Let ``channel`` hear of work for ``unit``; the latest ggatec counts."""
        self._channels[unit] = channel

    def gate_gone(self, unit: int, channel: GateChannel) -> None:
        """Note the end of a ggatec; its device stays."""
        if self._channels.get(unit) is channel:
            del self._channels[unit]
            self.kernel.gate_leave(unit, self.now())
            self.settle()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case CommandFinished():
                self.door.finished(effect)
                self._close_unused()
            case ProgramRequested():
                self.door.proceed(effect)
            case BlockDone():
                self.filesystems.blocks.done(effect)
            case GateWork():
                if effect.unit in self._channels:
                    self._channels[effect.unit].notify()
            case FilesystemWork():
                self.filesystems.begin(effect)
            case KernelMessage():
                _LOG.info("%s", effect.text)
            case Reset():
                self._reset(effect.reason)

    def _close_unused(self) -> None:
        used = {md.path for md in self.kernel.machine.md.units.values()}
        for path in self.files.held():
            if path not in used:
                self.files.forget(path)

    def _reset(self, reason: str) -> None:
        (self.root / "var" / "run" / "reset").write_text(f"{reason}\n", encoding="utf-8")
        # At once: nothing may be written, and no mount be taken off in order, after a reset.
        os._exit(RESET_STATUS)

    def pat_watchdog(self, span_ns: int) -> None:
        """Reset the host after so long, unless it is patted again; 0 switches the watchdog off."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        if span_ns:
            loop = asyncio.get_running_loop()
            self._watchdog = loop.call_later(span_ns / 1e9, self._reset, "watchdog timeout")

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.kernel.deadline()
        if deadline is not None:
            span = max(0, deadline - self.now()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(span, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.kernel.tick(self.now())
        self.settle()


async def run(root: Path, name: str, *, filesystems: bool) -> int:
    """Be the kernel of host ``name`` until a signal or a reset ends it."""
    (root / "var" / "run").mkdir(parents=True, exist_ok=True)
    process = KernelProcess(root, name, filesystems=filesystems)
    install(root)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, process)
    async with await process.door.open():
        status = await process.ended
    with contextlib.suppress(OSError):
        await process.filesystems.stop_all()
    return status


def _end(process: KernelProcess) -> None:
    if not process.ended.done():
        process.ended.set_result(0)


def main() -> None:
    """Read the command line and run."""
    bare = sys.argv[3:] == ["--bare"]
    if len(sys.argv) != 3 + bare:
        sys.stderr.write("usage: python -m hafailover.lab.host.kerneld ROOT NAME [--bare]\n")
        sys.exit(64)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(message)s")
    status = asyncio.run(run(Path(sys.argv[1]), sys.argv[2], filesystems=not bare))
    sys.exit(status)


if __name__ == "__main__":
    main()
