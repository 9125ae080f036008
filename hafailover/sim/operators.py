"""What do operators do to the simulated pair, at a good time or a bad one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_ORDERS = (
    OrderKind.PROMOTE,
    OrderKind.REJOIN,
    OrderKind.CLEAR_HOLD,
    OrderKind.GIVE_UP,
    OrderKind.WITHDRAW,
)

_BY_HAND = (
    "umount {mount_point}",
    "umount -f {mount_point}",
    "gmirror stop {mirror}",
    "gmirror destroy -f {mirror}",
    "gmirror forget {mirror}",
    "ggatec destroy -f -u {ggate}",
    "mdconfig -d -u {md}",
    "kill ggated",
    "kill ggatec",
    "ifconfig -alias",
)


def switch_over(world: World) -> None:
    """An operator asks whoever serves to hand over."""
    for host in world.hosts:
        if host.agent is not None and host.agent.state.role is Role.PRIMARY:
            host.agent.order(OrderKind.SWITCHOVER)


def pause(world: World, host: Host, span_ns: int) -> None:
    """An operator stops changes of role on one node, and allows them again later."""
    if host.agent is not None:
        host.agent.order(OrderKind.PAUSE)
        world.timeline.after(span_ns, lambda: resume(world, host))


def resume(world: World, host: Host) -> None:
    """Allow changes of role again, if they were stopped."""
    if host.agent is not None and world.pauses[host.name] is not None:
        host.agent.order(OrderKind.RESUME)


def resume_once_it_runs(world: World, host: Host) -> None:
    """Allow changes of role again as soon as there is an agent to be told: a host may just be booting."""
    if host.agent is None and world.pauses[host.name] is not None:
        world.timeline.after(SECOND, lambda: resume_once_it_runs(world, host))
    else:
        resume(world, host)


def give_order(world: World, host: Host, choice: int) -> None:
    """Give one of the orders that are refused, or wrong, most of the time.

    That the peer is off is said only when it is: who lies there has voided every promise.
    """
    if host.agent is not None:
        is_peer_off = not world.other(host).is_on
        kind = _ORDERS[choice % len(_ORDERS)]
        if kind is OrderKind.PROMOTE and is_peer_off:
            host.agent.order(kind, peer_is_off=True)
        else:
            host.agent.order(kind)


def force_copy(world: World, host: Host) -> None:
    """Make a node's copy the data, whatever the other one has more: if the node takes the order, that is given up."""
    agent = host.agent
    if agent is None:
        return
    was_promoting = agent.state.attempt is not None
    agent.order(OrderKind.PROMOTE, force_copy=True, peer_is_off=not world.other(host).is_on)
    attempt = agent.state.attempt
    if attempt is not None and (attempt.is_forced or not was_promoting):
        # Also a copy that needed no force: nobody knew whether the other one, which is off, has more.
        world.workload.give_up(host)


def type_command(world: World, host: Host, choice: int) -> None:
    """Type a command past the agent; whether the kernel lets it is the kernel's business."""
    if host.kernel is None:
        return
    words = _BY_HAND[choice % len(_BY_HAND)]
    volume = world.settings[host.name].volumes[0]
    units = {
        "md": volume.md_units[choice % 2],
        "ggate": volume.ggate_units[choice % 2],
    }
    line = words.format(mount_point=volume.mount_point, mirror=volume.mirror, **units)
    world.note(host.name, f"BY HAND: {line}")
    ended = world.checker.meddled(host)
    program, _, rest = line.partition(" ")
    if program == "kill":
        for pid in host.processes.pids(rest):
            host.processes.signal(pid)
    elif program == "ifconfig":
        host.virtual = set()
    else:
        host.run(tuple(line.split()), ended)
        return
    ended(None)
