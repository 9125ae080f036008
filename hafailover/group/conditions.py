"""What does a strict arbiter make a role depend on? The conditions that only etcd or a fence device brings."""

from collections.abc import Iterator
from dataclasses import dataclass

from hafailover.group import arbiters, guard
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.units import SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition: what has to hold, whether it does, what is seen, and what would change it."""

    what: str
    is_met: bool
    seen: str
    remedy: str = ""


def own(turn: Turn) -> Iterator[Condition]:
    """Yield what the arbiter asks of this node's own copy."""
    if turn.settings.arbiter is ArbiterKind.ETCD:
        refusal = arbiters.own_refusal(turn)
        yield Condition(
            what="etcd counts this node's copy",
            is_met=not refusal,
            seen=refusal or "it does",
            remedy="etcd's members, a rebuild, or hafailover promote --force-copy, which gives writes up",
        )


def beside_peer(turn: Turn) -> Iterator[Condition]:
    """Yield what the arbiter asks while the peer is heard."""
    if turn.settings.arbiter is ArbiterKind.ETCD:
        yield _free(arbiters.pending(turn))


def beside_silence(turn: Turn) -> Iterator[Condition]:
    """Yield what the arbiter asks while the peer is silent."""
    refusal = arbiters.beside_silence(turn)
    if turn.settings.arbiter is ArbiterKind.ETCD:
        yield _free(refusal)
    else:
        yield Condition(
            what=f"{turn.settings.peer} may be powered off",
            is_met=not refusal,
            seen=refusal or "it may: the device is asked as soon as this node is Master",
            remedy="contact, or hafailover promote",
        )


def serving(turn: Turn) -> Iterator[Condition]:
    """Yield what a primary stays primary by."""
    if turn.settings.arbiter is ArbiterKind.ETCD:
        end = guard.stop_at(turn)
        left = (
            "none"
            if end is None
            else f"{max(0, end - turn.now) / SECOND:.1f} s before it has to stop"
        )
        if turn.state.grant.is_void:
            left = "none is held: an operator's word that the peer is off stands for it"
        yield Condition(
            what="etcd's grant, or the peer's promise, covers this node",
            is_met=guard.is_open(turn),
            seen=left,
            remedy="etcd's members, or the way to them",
        )


def _free(refusal: str) -> Condition:
    return Condition(
        what="etcd's grant is free for this node",
        is_met=not refusal,
        seen=refusal or "it is",
        remedy="the lease runs out by itself",
    )
