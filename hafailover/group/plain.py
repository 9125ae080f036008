"""What does a group without volumes do? It is a plain virtual router: the Master has the addresses and the services."""

from hafailover.group import addresses, routers, services
from hafailover.group.actions import Stop
from hafailover.group.report import Role
from hafailover.group.turn import Turn
from hafailover.group.work import Progress
from hafailover.vrrp.events import Startup


def advance(turn: Turn) -> None:
    """Follow the election."""
    state = turn.state
    if state.is_stopping:
        _stop(turn)
        return
    if state.role is Role.STARTING:
        # An earlier life that was killed as Master has left them up, and its services running.
        addresses.take_down(turn)
        services.assume_running(turn)
    _follow_link(turn)
    routers.set_candidacy(turn, is_candidate=state.pause is None)
    if routers.is_any_master(turn):
        if state.role is not Role.PRIMARY:
            turn.become(Role.PRIMARY, "this node is Master")
        if not state.addresses_wanted:
            turn.set(look_at=None)
            addresses.bring_up(turn)
        addresses.try_again(turn)
        _serve(turn)
        return
    if state.role is not Role.STANDBY:
        turn.become(Role.STANDBY, "another node is Master, or nobody yet")
    _withdraw(turn)
    services.stop_all(turn)


def _serve(turn: Turn) -> None:
    """Start the services and check them; those of an earlier life are stopped first: nobody knows whether they run."""
    if services.are_left_over(turn) and services.stop_all(turn) is not Progress.REACHED:
        return
    services.start_all(turn)
    services.check_due(turn)


def _withdraw(turn: Turn) -> None:
    """Take the addresses away, again and again if need be."""
    if turn.state.addresses_wanted:
        turn.set(look_at=None)
        addresses.take_down(turn)
    addresses.try_again(turn)


def _follow_link(turn: Turn) -> None:
    """Take part only while the interface has a link (RFC 9568 section 6.4: Startup and Shutdown of the interface)."""
    if turn.state.link_is_up and not routers.take_part(turn):
        routers.send_all(turn, Startup())
    elif not turn.state.link_is_up and routers.take_part(turn):
        turn.note(f"interface {turn.settings.interface} has no link")
        routers.stop(turn)


def _stop(turn: Turn) -> None:
    routers.stop(turn)
    _withdraw(turn)
    is_done = services.stop_all(turn) is Progress.REACHED and turn.state.addressing is None
    if is_done and turn.state.role is not Role.STOPPED:
        turn.become(Role.STOPPED, "the agent is stopping")
        turn.do(Stop())
