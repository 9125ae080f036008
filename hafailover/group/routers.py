"""How does the group take part in VRRP? One virtual router per address family, all moved together."""

from hafailover.group.actions import AnnounceAddresses, SendAdvertisement
from hafailover.group.turn import Turn
from hafailover.units import Instant
from hafailover.vrrp import actions as out
from hafailover.vrrp import announcement, machine
from hafailover.vrrp import events as into
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import RouterSettings
from hafailover.vrrp.states import Initialize, Master, State

PRIORITY_PRIMARY = 254
"""A primary advertises above everybody else; 255 would claim to own the address (RFC 9568 section 5.2.4)."""


def start(turn: Turn) -> None:
    """Begin to listen."""
    turn.set(routers=tuple(machine.initial(settings) for settings in turn.settings.routers))
    send_all(turn, into.Startup())


def stop(turn: Turn) -> None:
    """Resign if Master, and take part no longer."""
    if take_part(turn):
        send_all(turn, into.Shutdown())


def receive(turn: Turn, family: int, advertisement: Advertisement) -> None:
    """Hand an advertisement that counts to the router of its family."""
    _step(turn, family, into.AdvertisementAccepted(advertisement=advertisement))


def deadline(routers: tuple[State, ...]) -> Instant | None:
    """Return the earliest deadline of the routers."""
    due = [machine.deadline(router) for router in routers]
    return min([each for each in due if each is not None], default=None)


def reach_deadlines(turn: Turn) -> None:
    """Work off every router deadline and announcement that is due."""
    for settings, router in zip(turn.settings.routers, turn.state.routers, strict=True):
        due = machine.deadline(router)
        if due is not None and turn.now >= due:
            _step(turn, settings.family, into.DeadlineReached())
    due = announcement.deadline(turn.state.announcing)
    if due is not None and turn.now >= due:
        _announce(turn, announcement.due(turn.state.announcing, turn.settings.announce, turn.now))


def send_all(turn: Turn, event: into.Event) -> None:
    """Give one event to every router of the group."""
    for settings in turn.settings.routers:
        _step(turn, settings.family, event)


def set_candidacy(turn: Turn, *, is_candidate: bool) -> None:
    """Open or close the gate before Master."""
    if turn.state.is_candidate != is_candidate:
        turn.set(is_candidate=is_candidate)
        send_all(turn, into.CandidacyChanged(candidate=is_candidate))


def lead(turn: Turn) -> None:
    """Advertise above everybody else from now on."""
    send_all(turn, into.PriorityChanged(priority=PRIORITY_PRIMARY))


def take_over(turn: Turn) -> None:
    """Become Master at once: the peer handed the group over, and waits for nobody."""
    send_all(turn, into.TakeOver())


def resign(turn: Turn) -> None:
    """Leave Master with a priority of zero, close the gate, and go back to the configured priority."""
    set_candidacy(turn, is_candidate=False)
    send_all(turn, into.Demote())
    for settings in turn.settings.routers:
        _step(turn, settings.family, into.PriorityChanged(priority=settings.priority))


def begin_announcing(turn: Turn) -> None:
    """Tell everybody where the addresses are, again and again at first."""
    _announce(turn, announcement.began(turn.settings.announce, turn.now))


def end_announcing(turn: Turn) -> None:
    """Say no more: the addresses are leaving."""
    turn.set(announcing=announcement.Quiet())


def is_master(turn: Turn) -> bool:
    """Whether every router of the group is Master."""
    routers = turn.state.routers
    return bool(routers) and all(isinstance(router, Master) for router in routers)


def take_part(turn: Turn) -> bool:
    """Whether any router of the group is running."""
    return any(not isinstance(router, Initialize) for router in turn.state.routers)


def is_any_master(turn: Turn) -> bool:
    """Whether at least one router of the group is Master."""
    return any(isinstance(router, Master) for router in turn.state.routers)


def _announce(turn: Turn, result: announcement.Round) -> None:
    turn.set(announcing=result.schedule)
    if result.send:
        turn.do(AnnounceAddresses())


def _step(turn: Turn, family: int, event: into.Event) -> None:
    routers = list(turn.state.routers)
    for index, settings in enumerate(turn.settings.routers):
        if settings.family == family:
            result = machine.step(routers[index], event, turn.now, settings)
            routers[index] = result.state
            turn.set(routers=tuple(routers))
            for action in result.actions:
                _take(turn, settings, action)


def _take(turn: Turn, settings: RouterSettings, action: out.Action) -> None:
    match action:
        case out.SendAdvertisement(priority=priority):
            turn.do(SendAdvertisement(family=settings.family, priority=priority))
        case out.BecameMaster(reason=reason):
            turn.note(f"VRRP IPv{settings.family}: Master: {reason.value}")
        case out.BecameBackup(reason=reason):
            turn.note(f"VRRP IPv{settings.family}: Backup: {reason.value}")
        case out.BecameInitialize():
            turn.note(f"VRRP IPv{settings.family}: stopped")
        case out.MasterDown(reason=reason):
            turn.note(
                f"VRRP IPv{settings.family}: no Master: {reason.value}; this node is no candidate"
            )
        case out.CompetingMaster(advertisement=advertisement):
            turn.set(
                competing=f"{advertisement.source} advertises priority {advertisement.priority}"
            )
        case out.Reannounce():
            turn.set(competing="")
            _announce(
                turn, announcement.repeated(turn.state.announcing, turn.settings.announce, turn.now)
            )
