"""How does a simulated agent look at its simulated host? Through the same words as on a real one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from hafailover.emulation.files import FileError
from hafailover.group.events import StorageObserved
from hafailover.storage.facts import ImageFacts, Opener, StorageFacts
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.observation import ObservationError
from hafailover.storage.processes import parse_processes
from hafailover.storage.tail import decode_tail
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from hafailover.emulation.effects import CommandFinished
    from hafailover.group.actions import Observe
    from hafailover.sim.agent import Agent
    from hafailover.sim.host import Host
    from hafailover.storage.geom_facts import GeomFacts

_LIMIT_NS = 2 * SECOND
_TELL_NS = 50 * MILLISECOND
_LATELY_NS = 3 * SECOND
_LATELY_MIRRORED_NS = 10 * SECOND

# Most looks find what the last one found: what a text means is worked out once.
_mounts = lru_cache(maxsize=64)(parse_mounts)
_processes = lru_cache(maxsize=64)(parse_processes)
_tail = lru_cache(maxsize=64)(decode_tail)


class Lately(NamedTuple):
    """What was seen last, when, and the tree it goes with."""

    at: int
    tree: GeomFacts
    facts: StorageFacts

    def holds(self, tree: GeomFacts, now: int) -> bool:
        """Whether it may be told again."""
        old = _LATELY_MIRRORED_NS if self.tree.mirrors else _LATELY_NS
        return now - self.at <= old and tree == self.tree


def look(agent: Agent, wanted: Observe) -> None:
    """Answer an ``Observe``; what hangs for too long is unknown."""
    host = agent.host
    trees: list[GeomFacts] = []
    answered = [False]

    def tell(facts: StorageFacts) -> None:
        if not answered[0]:
            answered[0] = True
            agent.feed(StorageObserved(id=wanted.id, facts=facts))

    def geom_done(effect: CommandFinished) -> None:
        trees.append(host.trees.read(effect.stdout))
        last = agent.lately
        # A routine look tells the rest as it was while GEOM shows what it showed, as the agent's does.
        if wanted.is_routine and last is not None and last.holds(trees[0], host.now):
            tell(last.facts)
        else:
            host.run(("mount",), mount_done)

    def mount_done(effect: CommandFinished) -> None:
        if answered[0]:
            return
        try:
            facts = _facts(host, wanted, trees[0], effect.stdout)
        except ObservationError as error:
            agent.lately = None
            tell(_unknown(host, wanted, str(error)))
        else:
            agent.lately = Lately(host.now, trees[0], replace(facts, openers=()))
            tell(facts)

    def give_up() -> None:
        if answered[0]:
            return
        agent.lately = None
        # The agent asks for everything at once: what does not wait for GEOM is known all the same.
        host.run(("mount",), lambda effect: tell(_unknown_geom(host, wanted, effect.stdout)))
        agent.world.timeline.after(_TELL_NS, lambda: tell(_unknown_geom(host, wanted, "")))

    host.run(("sysctl", "-n", "kern.geom.confxml"), geom_done)
    agent.world.timeline.after(_LIMIT_NS, give_up)


def _unknown_geom(host: Host, wanted: Observe, mount_table: str) -> StorageFacts:
    seen = _unknown(host, wanted, "sysctl -n kern.geom.confxml hangs")
    try:
        return replace(seen, mounts=_mounts(mount_table) if mount_table else None)
    except ObservationError:
        return seen


def _unknown(host: Host, wanted: Observe, problem: str) -> StorageFacts:
    """What is known of a host when the GEOM tree cannot be read."""
    images = tuple((path, image_facts(host, path)) for path in wanted.images)
    openers = tuple(
        (
            path,
            tuple(Opener(command=each.command, pid=each.pid) for each in host.files.openers(path)),
        )
        for path in wanted.openers_of
    )
    processes = _processes(host.processes.listing())
    addresses = tuple(sorted(host.virtual))
    return StorageFacts(
        processes=processes,
        images=images,
        openers=openers,
        addresses=addresses,
        problem=problem,
    )


def _facts(host: Host, wanted: Observe, geom: GeomFacts, mount_table: str) -> StorageFacts:
    seen = _unknown(host, wanted, "")
    return replace(
        seen,
        memory_disks=geom.memory_disks,
        gates=geom.gates,
        mirrors=geom.mirrors,
        label_providers=geom.label_providers,
        mounts=_mounts(mount_table),
        link_up=host.link_up,
    )


def image_facts(host: Host, path: str) -> ImageFacts:
    """Look at an image file directly."""
    try:
        status = host.files.stat(path)
    except FileError as error:
        return ImageFacts(exists=False, problem=f"error {error.error}")
    seen = ImageFacts(
        exists=True,
        size_bytes=status.size,
        device=1,
        inode=status.inode,
        is_writable=status.writable,
    )
    try:
        sector = host.tail(path)
    except FileError as error:
        return replace(seen, problem=f"error {error.error}")
    tail = _tail(sector)
    return replace(
        seen,
        tail=tail.kind,
        tail_sha256=sha256(sector).hexdigest(),
        metadata=tail.metadata,
        marker=tail.marker,
    )


def sync(host: Host, path: str) -> str:
    """Fsync an image; return the problem, empty if none."""
    try:
        host.files.fsync(path)
    except FileError as error:
        return f"error {error.error}"
    return ""
