"""Where does everything in a simulated world stand, whenever it came there and whatever its random ids are?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.arbiter.record import ArbiterRecord, Holder, decode_holder, decode_record
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
    names: dict[str, int] = {}
    ways = tuple(
        (network, one.name, world.network.is_open_both_ways(network, one.name, other.name))
        for network in NETWORKS
        for one, other in (world.hosts, world.hosts[::-1])
    )
    hosts = tuple(_host(world, host, names) for host in world.hosts)
    return (ways, _arbiter(world, names), *hosts)


def _arbiter(world: World, names: dict[str, int]) -> tuple[object, ...]:
    """Return what is in force at etcd: whose copies count, under which lineages, and who holds the grant."""
    settings = world.settings["A"]
    if settings.arbiter is not ArbiterKind.ETCD:
        return (world.fence.works,)
    standing = world.etcd.standing(settings.name)
    record = decode_record(standing.record or "")
    holder = decode_holder(standing.holder or "")
    return (
        world.etcd.has_majority,
        *(world.network.is_open_both_ways(LAN, host.name, ETCD) for host in world.hosts),
        holder.node if isinstance(holder, Holder) else "",
        isinstance(record, ArbiterRecord)
        and (
            record.in_sync,
            record.phase.value,
            record.successor,
            tuple((volume, _name(lineage, names)) for volume, lineage in record.lineages),
        ),
    )


def _host(world: World, host: Host, names: dict[str, int]) -> tuple[object, ...]:
    records = tuple(
        _record(record, names) for _, record in sorted(world.records[host.name].items())
    )
    outside = (host.is_on, host.is_frozen, host.link_up, bool(host.virtual), records)
    return (*outside, _kernel(host), _agent(host, names))


def _record(record: LineageRecord, names: dict[str, int]) -> tuple[object, ...]:
    return (
        record.copy.value,
        _name(record.lineage, names),
        tuple(_name(each, names) for each in record.ancestors[:3]),
        record.is_open,
        record.clean,
        bool(record.closing_id),
        record.released_to,
        record.was_isolated,
        bool(record.doubt),
    )


def _name(word: str, names: dict[str, int]) -> int:
    """Return the same small number for the same random id."""
    return names.setdefault(word, len(names))


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
        tuple(sorted(machine.md.units)),
        tuple(sorted(geom.name for geom in machine.topology.geoms["GATE"])),
        mirrors,
        len(host.processes.servers),
        tuple(sorted((each.unit, each.server is not None) for each in host.processes.carriers)),
    )


def _agent(host: Host, names: dict[str, int]) -> tuple[object, ...]:
    if host.agent is None:
        return ()
    state = host.agent.state
    return (
        state.role.value,
        tuple(_record(record, names) for _, record in state.records),
        state.is_durable,
        bool(state.write_problem),
        state.work.what.split()[0] if state.work is not None else "",
        state.urgent is not None,
        state.addressing is not None,
        state.addresses_wanted,
        state.is_candidate,
        state.attempt is not None and (state.attempt.token is not None, state.attempt.checked),
        state.demotion is not None
        and (state.demotion.successor, state.demotion.is_forced, state.demotion.is_failure),
        state.token_given is not None,
        state.dropping is not None,
        (len(state.pairing.units), len(state.pairing.inserted)),
        len(state.sessions),
        state.failures,
        state.is_stopping,
        *_granted(state),
    )


def _granted(state: GroupState) -> tuple[object, ...]:
    """Return what an agent knows of its arbiter, and what it has asked it."""
    grant, fence = state.grant, state.fence
    return (
        str(getattr(grant.request, "purpose", type(grant.request).__name__)),
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
