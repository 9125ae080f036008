"""Which role can follow which, and when? The table that explanations and the documentation are made from.

The roles are changed where the reasons are; tests hold what simulated pairs do against this table.
"""

from typing import Final

from hafailover.group.report import Role

TRANSITIONS: Final = (
    (Role.STARTING, Role.STANDBY, "the storage was seen, and nothing of this group is up here"),
    (
        Role.STARTING,
        Role.PRIMARY,
        "an earlier life of the agent left the group running, and it may go on",
    ),
    (Role.STARTING, Role.DEMOTING, "something of this group is up here that must not go on"),
    (
        Role.STARTING,
        Role.STOPPED,
        "the agent is stopping, and cannot see or record anything; nothing of this group was up in this boot",
    ),
    (
        Role.STANDBY,
        Role.PROMOTING,
        "the peer handed the group over, or agreed, or is lost and the arbiter allows it, or an operator ordered it",
    ),
    (Role.STANDBY, Role.DEMOTING, "something of this group is up here, or the agent is stopping"),
    (Role.STANDBY, Role.PRIMARY, "a group without data: this node became VRRP's Master"),
    (
        Role.STANDBY,
        Role.STOPPED,
        "the agent is stopping: a group without data, or an export that cannot be ended in order stays as it is",
    ),
    (Role.PROMOTING, Role.PRIMARY, "mounted, services started, the address goes up"),
    (
        Role.PROMOTING,
        Role.DEMOTING,
        "a step failed, the peer serves, the grant was taken back, this node was cut off, or the agent is stopping",
    ),
    (Role.PROMOTING, Role.STANDBY, "the arbiter said no before anything was touched"),
    (
        Role.PRIMARY,
        Role.DEMOTING,
        "a handover, a newer primary, isolation, loss of the grant or of the own copy, or the agent is stopping",
    ),
    (Role.PRIMARY, Role.STANDBY, "a group without data: another router is VRRP's Master"),
    (Role.PRIMARY, Role.STOPPED, "a group without data: the agent is stopping"),
    (Role.DEMOTING, Role.STANDBY, "everything is seen closed, and recorded"),
    (Role.DEMOTING, Role.STOPPED, "the same, and the agent is stopping"),
    (Role.DEMOTING, Role.FENCED, "that cannot be seen within the limit: the host is reset"),
)
"""(from, to, when)."""


def ways_out(role: Role) -> tuple[tuple[Role, str], ...]:
    """Return what can follow a role, each with when."""
    return tuple((after, when) for before, after, when in TRANSITIONS if before is role)
