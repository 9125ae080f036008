"""How does a fault happen to the simulated pair, and how is it mended again?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hafailover.emulation.errors import EIO
from hafailover.emulation.faults import EVERY_TIME
from hafailover.emulation.faults import Fault as CommandFault
from hafailover.emulation.faults import FaultKind as CommandFaultKind
from hafailover.sim import etcd, limits, operators, pair, stubborn
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, NETWORKS, REPLICATION
from hafailover.units import MILLISECOND

if TYPE_CHECKING:
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_LOSS = 1 / 3
_DOUBLE = 1 / 4
_LATE_NS = 120 * MILLISECOND
_PROGRAMS = ("mdconfig", "gmirror", "ggatec", "ggated", "mount", "umount", "fsck_ffs")


def strike(world: World, fault: Fault) -> None:  # noqa: C901, PLR0912 - one flat table of all faults
    """Let one fault happen; its end comes by itself."""
    world.note("fault", str(fault))
    host, later = world.host(fault.node), world.timeline.after
    match fault.kind:
        case FaultKind.POWER:
            world.power_off(fault.node)
            later(fault.span_ns, lambda: world.power_on(fault.node))
        case FaultKind.AGENT:
            world.kill_agent(fault.node)
        case FaultKind.RESTART:
            world.restart_agent(fault.node)
        case FaultKind.FREEZE:
            _freeze(world, fault)
        case (
            FaultKind.REPLICATION
            | FaultKind.LAN
            | FaultKind.LAN_PORT
            | FaultKind.ONE_WAY
            | FaultKind.LOSSY
            | FaultKind.SLOW
        ):
            _cut(world, fault)
        case FaultKind.STOP:
            world.stop_agent(fault.node)
            later(fault.span_ns, lambda: world.start_agent(fault.node))
        case FaultKind.BOTH:
            for each in world.hosts:
                world.power_off(each.name)
            first, second = host, world.other(host)
            later(fault.span_ns, lambda: world.power_on(first.name))
            later(fault.span_ns // 2, lambda: world.power_on(second.name))
        case (
            FaultKind.SWITCHOVER
            | FaultKind.PAUSE
            | FaultKind.ORDER
            | FaultKind.FORCE
            | FaultKind.HAND
        ):
            _meddle(world.groups[fault.choice % len(world.groups)], fault)
        case FaultKind.LAPSE:
            limits.lapse(world, fault)
        case FaultKind.JUMP:
            for each in world.everywhere(fault.node):
                each.jump(fault.span_ns)
        case (
            FaultKind.ETCD_DOWN | FaultKind.ETCD_PORT | FaultKind.ETCD_LOSSY | FaultKind.FENCE_DOWN
        ):
            _strike_arbiter(world, fault)
        case _:
            for group in world.groups:
                _spoil(group, group.host(fault.node), fault)
            later(fault.span_ns, lambda: _repair(world, fault.node))


def _freeze(world: World, fault: Fault) -> None:
    """Let a host stand still."""
    for host in world.everywhere(fault.node):
        if host.is_on:
            host.freeze()
            world.timeline.after(fault.span_ns, partial(_thaw, host, host.life))


def _meddle(world: World, fault: Fault) -> None:
    """Let an operator do something to one group."""
    host = world.host(fault.node)
    match fault.kind:
        case FaultKind.SWITCHOVER:
            operators.switch_over(world)
        case FaultKind.PAUSE:
            operators.pause(world, host, fault.span_ns)
        case FaultKind.ORDER:
            operators.give_order(world, host, fault.choice)
        case FaultKind.FORCE:
            operators.force_copy(world, host)
        case _:
            operators.type_command(world, host, fault.choice)


def _cut(world: World, fault: Fault) -> None:
    """Do something to a network."""
    later = world.timeline.after
    match fault.kind:
        case FaultKind.REPLICATION:
            world.cut(REPLICATION)
            later(fault.span_ns, world.heal)
        case FaultKind.LAN:
            world.cut(LAN)
            later(fault.span_ns, world.heal)
        case FaultKind.LAN_PORT:
            world.isolate(fault.node, LAN)
            later(fault.span_ns, world.heal)
        case FaultKind.ONE_WAY:
            world.cut(fault.network, one_way=fault.node)
            later(fault.span_ns, world.heal)
        case FaultKind.LOSSY:
            _lose(world, fault.network, _LOSS)
            later(fault.span_ns, lambda: _lose(world, fault.network, 0.0))
        case _:
            _slow(world, fault.network, fault.node, is_slow=True)
            later(
                fault.span_ns,
                lambda: _slow(world, fault.network, fault.node, is_slow=False),
            )


def _strike_arbiter(world: World, fault: Fault) -> None:
    later = world.timeline.after
    match fault.kind:
        case FaultKind.ETCD_DOWN:
            world.etcd.has_majority = False
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case FaultKind.ETCD_LOSSY:
            world.etcd.loss = _LOSS
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case FaultKind.FENCE_DOWN:
            world.fence.works = False
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case _:
            world.network.cut(LAN, fault.node, etcd.PLACE)
            world.network.cut(LAN, etcd.PLACE, fault.node)
            later(fault.span_ns, world.heal)


def _mend_arbiter(world: World) -> None:
    world.etcd.has_majority = True
    world.etcd.loss = 0.0
    world.fence.works = True


def _spoil(world: World, host: Host, fault: Fault) -> None:
    """Let a part of a host fail."""
    kernel = host.kernel
    match fault.kind:
        case FaultKind.RECORDS:
            world.record_problem[fault.node] = "No space left on device"
        case FaultKind.DISK_ERRORS:
            for image in world.images(host.name):
                host.files.fail(image, EIO)
        case FaultKind.DISK_HANGS:
            host.hang_disk()
        case FaultKind.SURVIVOR:
            host.processes.linger(lingers=True)
        case FaultKind.BLIND if kernel is not None:
            kernel.add_fault(
                CommandFault(program="sysctl", kind=CommandFaultKind.HANG, times=EVERY_TIME)
            )
        case FaultKind.BUSY if kernel is not None:
            program = _PROGRAMS[fault.choice % len(_PROGRAMS)]
            kernel.add_fault(
                CommandFault(
                    program=program,
                    kind=CommandFaultKind.FAIL,
                    times=1 + fault.choice % 3,
                    # Every second one says that it worked, and did nothing.
                    status=fault.choice % 2,
                    stderr=f"{program}: Device busy\n" if fault.choice % 2 else "",
                )
            )
        case FaultKind.SERVICES | FaultKind.FSCK | FaultKind.ADDRESSES | FaultKind.USERS:
            stubborn.spoil(host, fault)
        case _:
            pass  # A host without power has no kernel that could fail.


def _repair(world: World, name: str) -> None:
    """End whatever fails on a host."""
    for host in world.everywhere(name):
        group = host.world
        group.record_problem.pop(name, None)
        for image in group.images(name):
            host.files.fail(image, 0)
            if host.kernel is not None:
                host.kernel.machine.md.go_on(image)
        host.processes.linger(lingers=False)
        host.stubbornness.end(host.now)
        if host.kernel is not None:
            host.kernel.clear_faults(host.now)
        host.drain_of(host.life)()


def mend(world: World) -> None:
    """End everything that is wrong."""
    world.heal()
    _mend_arbiter(world)
    for name in pair.NODES:
        for host in world.everywhere(name):
            if host.is_frozen:
                host.thaw()
        _repair(world, name)
        world.power_on(name)
        world.start_agent(name)
        for host in world.everywhere(name):
            operators.resume_once_it_runs(host.world, host)
    for network in NETWORKS:
        _lose(world, network, 0.0)
        for node in pair.NODES:
            _slow(world, network, node, is_slow=False)


def _lose(world: World, network: str, share: float) -> None:
    """Have a share of the packets between the nodes vanish."""
    for source, target in (pair.NODES, pair.NODES[::-1]):
        world.network.direction(network, source, target).loss = share


def _slow(world: World, network: str, source: str, *, is_slow: bool) -> None:
    """Have what ``source`` sends come late, in another order, and some of it twice."""
    target = pair.NODES[1 - pair.NODES.index(source)]
    way = world.network.direction(network, source, target)
    way.late_ns, way.double = (_LATE_NS, _DOUBLE) if is_slow else (0, 0.0)


def _thaw(host: Host, life: int) -> None:
    if host.life == life and host.is_frozen:
        host.thaw()
