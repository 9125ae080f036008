"""When are the virtual addresses up on this node? Only where the volume is mounted and the services run."""

from collections.abc import Iterable

from hafailover.group import routers
from hafailover.group.actions import AssignAddresses, ReleaseAddresses
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.storage.steps import StepOutcome
from hafailover.units import SECOND, Instant, later

DUPLICATED = "duplicated"
_AGAIN = SECOND
_MISSED = 5 * SECOND
"""An address that was put up is seen by then."""
_CHECK = 2 * SECOND
"""Then duplicate address detection has come to its end (RFC 4862 section 5.4), which tells nobody of it."""


def bring_up(turn: Turn) -> None:
    """Put the addresses up; once they are, everybody is told."""
    turn.set(addresses_wanted=True)
    _assign(turn)


def take_down(turn: Turn) -> None:
    """Take the addresses away; everything else follows after."""
    turn.set(addresses_wanted=False, address_missing_since=None)
    routers.end_announcing(turn)
    pending = turn.ask("release addresses")
    turn.set(addressing=pending)
    turn.do(ReleaseAddresses(id=pending.id))


def finish(turn: Turn, outcome: StepOutcome) -> None:
    """Take note that the addresses were put up or taken down."""
    turn.set(addressing=None)
    turn.look_again()
    if outcome.problem:
        turn.note(f"addresses: {outcome.problem}")
    if turn.state.addresses_wanted:
        routers.begin_announcing(turn)
    if not turn.settings.has_storage:
        _come_back(turn, outcome)


def _come_back(turn: Turn, outcome: StepOutcome) -> None:
    """A plain router never looks at its interface: what failed is tried again, and what went well is checked once.

    To take away what is not there fails, too: only what did not end is tried again then.
    """
    is_wanted, is_first = turn.state.addresses_wanted, turn.state.look_at is None
    _note_missing(turn, is_missing=is_wanted and outcome.status != 0)
    if outcome.status is None or (is_wanted and outcome.status != 0):
        if is_first:
            reason = outcome.stderr or outcome.problem or f"exit status {outcome.status}"
            turn.note(f"the addresses are tried again every second: {reason}")
        turn.set(look_at=later(turn.now, _AGAIN))
    else:
        turn.set(look_at=later(turn.now, _CHECK) if is_wanted and is_first else None)


def next_try(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when a plain router comes back to its addresses; None while a command runs, or if all is well."""
    return state.look_at if not settings.has_storage and state.addressing is None else None


def try_again(turn: Turn) -> None:
    """Come back to the addresses of a plain router, if it is time: put on again, only what is missing is put on."""
    due = next_try(turn.state, turn.settings)
    if due is None or turn.now < due:
        return
    if turn.state.addresses_wanted:
        _assign(turn)
    else:
        take_down(turn)


def are_up(turn: Turn) -> bool | None:
    """Whether every virtual address is seen on the interface; None = not known.

    One that another host answered for (duplicate address detection, RFC 4862 section 5.4) is not up.
    """
    seen = _seen(turn)
    if seen is None:
        return None
    return all(
        seen.get(str(address), DUPLICATED) != DUPLICATED for address in turn.settings.addresses
    )


def are_down(turn: Turn) -> bool | None:
    """Whether no virtual address is seen on the interface; None = not known."""
    seen = _seen(turn)
    if seen is None:
        return None
    return not _are_among(turn, seen)


def were_up(turn: Turn) -> bool:
    """Whether the last look has shown a virtual address, though a step may have taken it down since."""
    facts = turn.state.facts
    return facts is not None and _are_among(turn, facts.addresses or ())


def _are_among(turn: Turn, entries: Iterable[str]) -> bool:
    wanted = {str(address.ip) for address in turn.settings.addresses}
    return any(entry.split("/")[0] in wanted for entry in entries)


def keep_up(turn: Turn) -> None:
    """Put the addresses up again if somebody took them away, or if they could not be put up."""
    if not turn.state.addresses_wanted or turn.state.addressing is not None:
        return
    is_up = are_up(turn)
    if is_up is not None:
        _note_missing(turn, is_missing=not is_up)
    if is_up is False:
        turn.note("a virtual address is missing on the interface; it is put back")
        _assign(turn)


def _note_missing(turn: Turn, *, is_missing: bool) -> None:
    since = turn.state.address_missing_since
    if is_missing and since is None:
        turn.set(address_missing_since=turn.now)
    elif since is not None and not is_missing:
        turn.set(address_missing_since=None)


def are_missing(turn: Turn) -> bool:
    """Whether this node serves, and for too long not every virtual address of its could be put up."""
    since = turn.state.address_missing_since
    return since is not None and turn.now - since > _MISSED


def keep_down(turn: Turn) -> None:
    """Take away a virtual address that is up where it must not be."""
    if (
        not turn.state.addresses_wanted
        and turn.state.addressing is None
        and are_down(turn) is False
    ):
        turn.note(
            "a virtual address is up here although this node does not serve; it is taken away"
        )
        take_down(turn)


def changed(turn: Turn, *, is_gone: bool) -> None:
    """The kernel says that a virtual address came or went: look now, or, where nobody looks, put it back."""
    if turn.settings.has_storage:
        turn.set(look_at=turn.now)
    elif is_gone and turn.state.addresses_wanted and turn.state.addressing is None:
        turn.note("a virtual address was taken off the interface; it is put back")
        _assign(turn)


def _assign(turn: Turn) -> None:
    pending = turn.ask("assign addresses")
    turn.set(addressing=pending)
    turn.do(AssignAddresses(id=pending.id))


def _seen(turn: Turn) -> dict[str, str] | None:
    """Return how each address of the interface stands: ``tentative``, ``duplicated`` or nothing."""
    facts = turn.state.facts
    if facts is None or facts.addresses is None or turn.state.must_look:
        return None
    return {
        address: state for address, _, state in (entry.partition(" ") for entry in facts.addresses)
    }
