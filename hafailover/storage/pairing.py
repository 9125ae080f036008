"""How does a primary take the peer's image into its running mirror, and how does it let it go?"""

from hafailover.storage import commands
from hafailover.storage.activation import PeerExport, plan_gate
from hafailover.storage.ending import plan_carriers_ended
from hafailover.storage.facts import ComponentState
from hafailover.storage.steps import Next, Plan, Reached, Refused, Wait
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView

LOCAL_PRIORITY = 100
"""Above the 0 of every newcomer: reads stay local with balance ``prefer``."""


def plan_paired(view: VolumeView, tries: Tries, export: PeerExport) -> Plan:
    """Return the next step towards "the peer's copy is ACTIVE in the mirror". Works with the volume mounted."""
    mirror, local = view.mirror, view.local
    if mirror is None or local is None:
        return Refused("the mirror does not run on this node's image")
    remote = view.remote
    if remote is not None:
        return _plan_synchronized(view, export)
    if mirror.wanted_components > len(mirror.components):
        return Next(commands.forget(view.settings), "insert wants every known component connected")
    if local.priority < LOCAL_PRIORITY:
        return Next(
            commands.set_local_priority(view.settings, local.provider, LOCAL_PRIORITY),
            "a newcomer of equal priority would be read from",
        )
    gate = plan_gate(view, tries, export)
    if not isinstance(gate, Reached):
        return gate
    unit = next(each.unit for each in view.gates if each.info == export.info)
    return Next(
        commands.insert_gate(view.settings, unit), "everything is copied onto the peer's image"
    )


def _plan_synchronized(view: VolumeView, export: PeerExport) -> Plan:
    remote = view.remote
    assert remote is not None  # noqa: S101
    gate = next((each for each in view.gates if f"ggate{each.unit}" == remote.provider), None)
    if gate is not None and gate.info != export.info:
        return Refused(f"{remote.provider} belongs to another session than the peer's present one")
    match remote.state:
        case ComponentState.ACTIVE:
            return Reached()
        case ComponentState.SYNCHRONIZING | ComponentState.NEW | ComponentState.NONE:
            return Wait(f"the rebuild is at {remote.synchronized_percent or 0} %")
        case ComponentState.STALE | ComponentState.DISCONNECTED | ComponentState.DESTROY:
            return Refused(f"the peer's component is {remote.state.value}")


def plan_dropped(view: VolumeView, tries: Tries) -> Plan:
    """Return the next step towards "nothing of the peer's image is in the mirror or in the kernel".

    Only after the records say sole: ``ggatec destroy -f`` acknowledges every write that waits for the peer.
    """
    for gate in view.gates:
        if not gate.is_withering:
            return Next(
                commands.destroy_gate(view.settings, gate.unit, force=True),
                "the records say that this node goes on alone",
            )
    leftover = plan_carriers_ended(view, tries)
    if leftover is not None:
        return leftover
    mirror = view.mirror
    if (
        mirror is not None
        and mirror.wanted_components > len(mirror.components)
        and view.remote is None
    ):
        return Next(
            commands.forget(view.settings), "the lost component must not come back by itself"
        )
    return Reached()
