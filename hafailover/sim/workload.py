"""Who uses the data? A writer of numbered, flushed blocks on whichever host has the volume mounted, and a client."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from hafailover.emulation.geom import BioCommand
from hafailover.emulation.kernel import BlockRequest
from hafailover.group.actions import ServiceVerb
from hafailover.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.group.settings import GroupSettings
    from hafailover.sim.host import Host
    from hafailover.sim.world import World
    from hafailover.storage.settings import VolumeSettings

WRITE_PERIOD = 200 * MILLISECOND
FIRST_BLOCK = 128 * 1024
_RECORD = struct.Struct(">QQ")
_BLOCK = 512


class Workload:
    """Writes record n to its own block of every volume; a record is acknowledged when its flush came back."""

    def __init__(self, world: World, settings: GroupSettings, blocks: int) -> None:
        self.world = world
        self.settings = settings
        self.blocks = blocks
        self.acked: dict[str, dict[int, int]] = {volume.name: {} for volume in settings.volumes}
        """Volume -> block -> number of the last acknowledged record there."""
        self.acknowledged: set[int] = set()
        """Numbers of all acknowledged records."""
        self.count = 0
        self.stall_since: dict[str, int] = {}
        self.longest_stall_ns = 0
        self._running: dict[str, int] = {}
        self._started: dict[str, tuple[int, int]] = {}
        self._canary = 0

    def service(self, host: Host, verb: ServiceVerb) -> None:
        """Start or stop the writer on a host."""
        if verb is ServiceVerb.START:
            self.start(host)
        elif verb is ServiceVerb.STOP and not host.stubbornness.keeps_users:
            self.kill(host)

    def start(self, host: Host) -> None:
        """Begin to write."""
        token = self._running[host.name] = self._running.get(host.name, 0) + 1
        life = host.life
        self._started[host.name] = (token, life)
        for volume in self.settings.volumes:
            self._next(host, volume, token, life)

    def kill(self, host: Host) -> None:
        """End the writer: what it still waits for is acknowledged to nobody."""
        self._running[host.name] = self._running.get(host.name, 0) + 1

    def runs_on(self, host: Host) -> bool:
        """Whether the writer was started in this life of the host, and neither stopped nor killed since."""
        return self._started.get(host.name) == (self._running.get(host.name), host.life)

    def _alive(self, host: Host, token: int, life: int) -> bool:
        return self._running.get(host.name) == token and host.life == life and host.is_on

    def _next(self, host: Host, volume: VolumeSettings, token: int, life: int) -> None:
        if not self._alive(host, token, life):
            return
        if host.is_frozen:
            host.when_thawed(lambda: self._next(host, volume, token, life))
            return
        self.count += 1
        number = self.count
        block = number % self.blocks
        data = _RECORD.pack(number, number ^ 0xFFFFFFFF).ljust(_BLOCK, b"\xa5")
        offset = FIRST_BLOCK + block * _BLOCK
        began = host.now

        def flushed(error: int, _data: bytes) -> None:
            if host.is_frozen:
                host.when_thawed(lambda: flushed(error, _data))
                return
            if not self._alive(host, token, life):
                return
            if not error and self._is_mounted(host, volume):
                self.acknowledged.add(number)
                self.world.checker.acknowledged(host, volume.name, block, number)
                self.acked[volume.name][block] = max(number, self.acked[volume.name].get(block, 0))
                self.longest_stall_ns = max(self.longest_stall_ns, host.now - began)
            self.world.timeline.after(WRITE_PERIOD, lambda: self._next(host, volume, token, life))

        def written(error: int, _data: bytes) -> None:
            if error or not host.submit(
                volume.device, lambda tag: BlockRequest(command=BioCommand.FLUSH, tag=tag), flushed
            ):
                self.world.timeline.after(
                    WRITE_PERIOD, lambda: self._next(host, volume, token, life)
                )

        if not self._is_mounted(host, volume) or not host.submit(
            volume.device,
            lambda tag: BlockRequest(command=BioCommand.WRITE, offset=offset, data=data, tag=tag),
            written,
        ):
            self.world.timeline.after(WRITE_PERIOD, lambda: self._next(host, volume, token, life))

    def write_canary(self, host: Host, volume: VolumeSettings, done: Callable[[int], None]) -> None:
        """Write and flush the agent's canary into a block of its own; like the real one, only where it is mounted."""
        if not self._is_mounted(host, volume):
            done(errno.EPERM)
            return
        self._canary += 1
        data = _RECORD.pack(self._canary, 0).ljust(_BLOCK, b"c")

        def written(error: int, _data: bytes) -> None:
            if error or not host.submit(
                volume.device,
                lambda tag: BlockRequest(command=BioCommand.FLUSH, tag=tag),
                lambda e, _: done(e),
            ):
                done(error or 6)

        if not host.submit(
            volume.device,
            lambda tag: BlockRequest(
                command=BioCommand.WRITE, offset=FIRST_BLOCK - _BLOCK, data=data, tag=tag
            ),
            written,
        ):
            done(6)

    @staticmethod
    def _is_mounted(host: Host, volume: VolumeSettings) -> bool:
        kernel = host.kernel
        return kernel is not None and kernel.machine.mounts.at(volume.mount_point) is not None

    def read_record(self, host: Host, image: str, block: int) -> int:
        """Return the number of the record that an image holds in ``block``; 0 if none."""
        raw = host.files.peek(image, FIRST_BLOCK + block * _BLOCK, _RECORD.size)
        number, check = _RECORD.unpack(raw)
        return number if check == number ^ 0xFFFFFFFF else 0

    def only_on(self, one: Host, other: Host) -> list[tuple[str, int, int]]:
        """Return the acknowledged records that ``one`` has and ``other`` lacks: (volume, block, number)."""
        found = []
        for volume in self.settings.volumes:
            mine, theirs = (self.world.image_of(host, volume.name) for host in (one, other))
            for block in range(self.blocks):
                number = self.read_record(one, mine, block)
                if number in self.acknowledged and self.read_record(other, theirs, block) < number:
                    found.append((volume.name, block, number))
        return found

    def give_up(self, host: Host) -> None:
        """An operator makes do with what the images of ``host`` hold: what they lack counts as lost to nobody."""
        for volume in self.settings.volumes:
            image, acked = self.world.image_of(host, volume.name), self.acked[volume.name]
            for block, number in acked.items():
                acked[block] = min(number, self.read_record(host, image, block))

    def lost(self, host: Host) -> list[tuple[str, int, int]]:
        """Return the acknowledged records that the images of ``host`` lack: (volume, block, number)."""
        return [
            (volume.name, block, number)
            for volume in self.settings.volumes
            for block, number in self.acked[volume.name].items()
            if self.read_record(host, self.world.image_of(host, volume.name), block) < number
        ]
