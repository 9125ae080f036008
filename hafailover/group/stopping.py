"""When must a node stop by force, whatever it is doing, though its volumes may be in use?"""

from dataclasses import replace

from hafailover.group import demotion, guard
from hafailover.group.turn import Turn
from hafailover.units import Nanoseconds


def has_to(turn: Turn) -> bool:
    """Stop by force before anybody else can be granted, or when waiting writes could be acknowledged by the kernel."""
    limit: Nanoseconds | None = None
    reason = guard.closed_because(turn)
    abort_at = guard.abort_at(turn)
    if not reason and abort_at is not None and turn.now >= abort_at:
        reason, limit = _aborted_because(turn)
    if not reason:
        return False
    demotion.begin(turn, reason, is_forced=True, is_isolated=True)
    begun = turn.state.demotion
    assert begun is not None  # noqa: S101
    turn.set(demotion=replace(begun, limit=limit))
    return True


def _aborted_because(turn: Turn) -> tuple[str, Nanoseconds | None]:
    """Say why nothing may be acknowledged any more, and within what span that has to be so; None = the usual one."""
    dropping, peer = turn.state.dropping, turn.settings.peer
    if dropping is not None and dropping.unguarded_at is not None:
        return f"writes complete again before the copy of {peer} may be let go", None
    return (
        "the peer's copy may not be let go, and the kernel is about to",
        turn.settings.timers.kill,
    )
