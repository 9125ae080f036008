"""Where does everything in a simulated world stand, whenever it came there and whatever its random ids are?

Two worlds with the same answer are taken for one. So what decides what can happen next has to be in it, and what does
not decide it must not: each such thing multiplies the states.

* Times are left out: what is compared is where everything stands, not since when. What a node believes of the other one
  is left out as well: a heartbeat later it follows from the rest.
* Lineages are numbered in the order in which they appear, epochs by their size. Of a copy's ancestors those count that
  are the lineage of another place: a comparison asks for nothing else, and no new lineage is ever an old one.
* The two units that a volume has for its memory disk, and for its ggate, are used in turn and are alike: it counts how
  many are in use, not which.
* Of the data it counts whether a copy lacks an acknowledged record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.arbiter.record import ArbiterRecord, Holder, decode_holder, decode_record
from hafailover.arbiter.requests import ChangeStanding, Purpose
from hafailover.emulation.mirror import Mirror
from hafailover.group.settings import ArbiterKind
from hafailover.sim.etcd import PLACE as ETCD
from hafailover.sim.network import LAN, NETWORKS

if TYPE_CHECKING:
    from hafailover.group.state import GroupState
    from hafailover.lineage.record import LineageRecord
    from hafailover.sim.host import Host
    from hafailover.sim.world import World


def node_state(world: World, node: str) -> str:
    """Say in words where a node stands: off, or the role of its agent and what it makes of its copy."""
    host = world.host(node)
    if not host.is_on:
        return "off"
    if host.agent is None:
        return "no agent"
    state = host.agent.state
    copies = ",".join(sorted({record.copy.value for _, record in state.records}))
    doing = "".join(
        word
        for word, is_so in (
            (" letting go", state.dropping is not None),
            (" frozen", host.is_frozen),
            (" stopping", state.is_stopping),
        )
        if is_so
    )
    return f"{state.role.value} {copies}{doing}"


def whole_state(world: World) -> tuple[object, ...]:
    """Return everything that decides what can happen next, without times and random ids."""
    names = _Names(world)
    ways = tuple(
        world.network.is_open(network, one.name, other.name)
        for network in NETWORKS
        for one, other in (world.hosts, world.hosts[::-1])
    )
    hosts = tuple(_host(world, host, names) for host in world.hosts)
    return (ways, _arbiter(world, names), *hosts)


class _Names:
    """Small numbers for random ids and for epochs, the same in worlds that are alike."""

    def __init__(self, world: World) -> None:
        self._numbers: dict[str, int] = {}
        records = [each for store in world.records.values() for each in store.values()]
        states = [host.agent.state for host in world.hosts if host.agent is not None]
        records += [record for state in states for _, record in state.records]
        agreed = _agreed(world)
        counted = [] if agreed is None else [lineage for _, lineage in agreed.lineages]
        self._live = {record.lineage for record in records} | set(counted)
        epochs = {record.epoch for record in records} | {state.epoch for state in states}
        if agreed is not None:
            epochs.add(agreed.epoch)
        self._ranks = {epoch: rank for rank, epoch in enumerate(sorted(epochs))}

    def lineage(self, word: str) -> int:
        """Return the same number for the same id."""
        return self._numbers.setdefault(word, len(self._numbers))

    def ancestors(self, words: tuple[str, ...]) -> tuple[int, ...]:
        """Return the numbers of those that are the lineage of any place now."""
        return tuple(self.lineage(word) for word in words if word in self._live)

    def epoch(self, epoch: int) -> int:
        """Return how many smaller epochs are known anywhere."""
        return self._ranks[epoch]


def _agreed(world: World) -> ArbiterRecord | None:
    """Return the record at etcd; None without etcd."""
    settings = world.settings["A"]
    if settings.arbiter is not ArbiterKind.ETCD:
        return None
    record = decode_record(world.etcd.standing(settings.name).record or "")
    return record if isinstance(record, ArbiterRecord) else None


def _arbiter(world: World, names: _Names) -> tuple[object, ...]:
    """Return what is in force at etcd: whose copies count, under which lineages, and who holds the grant."""
    settings = world.settings["A"]
    if settings.arbiter is not ArbiterKind.ETCD:
        return (world.fence.works,)
    holder = decode_holder(world.etcd.standing(settings.name).holder or "")
    record = _agreed(world)
    return (
        world.etcd.has_majority,
        *(world.network.is_open_both_ways(LAN, host.name, ETCD) for host in world.hosts),
        (holder.node, names.epoch(holder.epoch)) if isinstance(holder, Holder) else "",
        record
        and (
            record.in_sync,
            record.phase.value,
            record.successor,
            names.epoch(record.epoch),
            tuple((volume, names.lineage(lineage)) for volume, lineage in record.lineages),
        ),
    )


def _host(world: World, host: Host, names: _Names) -> tuple[object, ...]:
    records = tuple(
        _record(record, host, names) for _, record in sorted(world.records[host.name].items())
    )
    lacks = bool(world.workload.lost(host))
    outside = (host.is_on, host.is_frozen, host.link_up, bool(host.virtual), lacks, records)
    return (*outside, _kernel(host), _agent(host, names))


def _record(record: LineageRecord, host: Host, names: _Names) -> tuple[object, ...]:
    boot = f"{host.name}-boot{host.life}" if host.is_on else "none"
    return (
        record.copy.value,
        names.lineage(record.lineage),
        names.ancestors(record.ancestors),
        record.is_open,
        record.clean,
        names.epoch(record.epoch),
        record.boot == boot,
        record.is_met_in(boot),
        bool(record.closing_id),
        record.released_to,
        record.was_isolated,
        record.owes_power,
        bool(record.doubt),
    )


def _kernel(host: Host) -> tuple[object, ...]:
    if host.kernel is None:
        return ()
    machine = host.kernel.machine
    mirrors = tuple(
        (geom.name, geom.softc.state_word, tuple(disk.state.value for disk in geom.softc.disks))
        for geom in machine.topology.geoms["MIRROR"]
        if isinstance(geom.softc, Mirror) and not geom.name.endswith(".sync")
    )
    return (
        tuple(sorted(mount.directory for mount in machine.mounts.entries if mount.consumer)),
        len(machine.md.units),
        len(machine.topology.geoms["GATE"]),
        mirrors,
        len(host.processes.servers),
        tuple(sorted(each.server is not None for each in host.processes.carriers)),
    )


def _agent(host: Host, names: _Names) -> tuple[object, ...]:
    if host.agent is None:
        return ()
    state = host.agent.state
    return (
        state.role.value,
        tuple(_record(record, host, names) for _, record in state.records),
        state.is_durable,
        bool(state.write_problem),
        state.work.what.split()[0] if state.work is not None else "",
        state.urgent is not None,
        state.addressing is not None,
        state.addresses_wanted,
        state.is_candidate,
        state.contact,
        state.attempt is not None and (state.attempt.token is not None, state.attempt.checked),
        state.demotion is not None
        and (state.demotion.successor, state.demotion.is_forced, state.demotion.is_failure),
        state.token_given is not None,
        state.dropping is not None and (state.dropping.is_granted, state.dropping.is_claimed),
        (len(state.pairing.units), len(state.pairing.inserted)),
        len(state.sessions),
        (
            state.failures,
            len(state.failovers),
            state.failbacks_lost,
            state.failed_back_at is not None,
        ),
        state.is_stopping,
        state.stop_again_at is not None,
        *_granted(state),
    )


def _granted(state: GroupState) -> tuple[object, ...]:
    """Return what an agent knows of its arbiter, and what it has asked it."""
    grant, fence = state.grant, state.fence
    purpose = grant.request.purpose if isinstance(grant.request, ChangeStanding) else Purpose.RENEW
    return (
        purpose.value,  # A question, or a renewal, moves nothing.
        grant.holder.node if grant.holder is not None else "",
        grant.lease_until is not None,
        grant.promise_until is not None,
        grant.silent_since is not None,
        grant.is_in_doubt,
        grant.is_void,
        state.guard.watch.value,
        type(fence.request).__name__,
        fence.is_off,
        fence.has_to_return,
    )
