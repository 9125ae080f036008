"""What becomes of an order that is the other node's business? It is passed on, and answered from there.

The order stands in every report until its answer stands in one of the peer's; it carries a number, and is obeyed once.
Nothing is allowed to a peer that its own operator could not do: it is the same order, with the same refusals.
"""

from hafailover.group.actions import Reply
from hafailover.group.events import OperatorAsked, OrderKind
from hafailover.group.report import GroupReport, OrderAnswer, PassedOrder, Role
from hafailover.group.turn import Turn
from hafailover.units import SECOND

PATIENCE = 5 * SECOND
"""So long an answer of the peer is waited for."""
_OF_THE_PRIMARY = (OrderKind.SWITCHOVER, OrderKind.REJOIN, OrderKind.MARK, OrderKind.GIVE_UP)
_PASSED_ON = (*_OF_THE_PRIMARY, OrderKind.WITHDRAW, OrderKind.RESOLVE)


def concerns_peer(turn: Turn, order: OperatorAsked) -> bool:
    """Whether an order that was given here is one for the peer, and the peer is there to take it."""
    report = turn.peer_report
    if report is None or not is_own(order):
        return False
    if order.kind in _OF_THE_PRIMARY:
        return turn.state.role is Role.STANDBY and report.role is Role.PRIMARY
    if order.kind is OrderKind.RESOLVE:
        return order.keep == turn.settings.node
    return order.kind is OrderKind.WITHDRAW and turn.state.role is Role.PRIMARY


def is_own(order: OperatorAsked) -> bool:
    """Whether an order was given on this node; one that the peer passed on has the negative of its number."""
    return order.id >= 0


def pass_on(turn: Turn, order: OperatorAsked) -> None:
    """Let the peer know of an order with every report, until it has answered."""
    if turn.state.passed is not None:
        reply(turn, order.id, "another order is still on its way to the peer", accepted=False)
        return
    passed = PassedOrder(
        number=int(turn.mint()[:12], 16),
        kind=order.kind.value,
        seen_epoch=order.seen_epoch,
        reason=order.reason,
        keep=order.keep,
    )
    turn.set(passed=passed, passed_for=order.id, passed_at=turn.now)


def received(turn: Turn, report: GroupReport) -> OperatorAsked | None:
    """Take in the peer's answer, if there is one; return the order that it passes on, if that is a new one."""
    passed, answer = turn.state.passed, report.answers
    if passed is not None and answer is not None and answer.number == passed.number:
        turn.set(passed=None)
        reply(turn, turn.state.passed_for, answer.text, accepted=answer.accepted)
    asks = report.asks
    if asks is None or asks.number == turn.state.obeyed:
        return None
    turn.set(obeyed=asks.number, answered=None)
    kind = next((each for each in _PASSED_ON if each.value == asks.kind), None)
    if kind is None:
        reply(
            turn,
            -asks.number,
            f"{turn.settings.node} takes no order {asks.kind} from its peer",
            accepted=False,
        )
        return None
    if kind is not OrderKind.MARK:  # Of which a drill gives several a second.
        turn.note(f"{turn.settings.peer} passes on the order {asks.kind}")
    return OperatorAsked(
        id=-asks.number,
        kind=kind,
        seen_epoch=asks.seen_epoch,
        reason=asks.reason,
        keep=asks.keep,
    )


def give_up_waiting(turn: Turn) -> None:
    """Answer for a peer that does not answer."""
    if turn.state.passed is None or turn.now - turn.state.passed_at < PATIENCE:
        return
    turn.set(passed=None)
    text = f"{turn.settings.peer} did not answer; look at the status, it may still obey"
    reply(turn, turn.state.passed_for, text, accepted=False)


def reply(turn: Turn, order_id: int, text: str, *, accepted: bool) -> None:
    """Answer an order: to who gave it here, or to the peer that passed it on."""
    if order_id >= 0:
        turn.do(Reply(id=order_id, accepted=accepted, text=text))
    elif -order_id == turn.state.obeyed:
        turn.set(answered=OrderAnswer(number=-order_id, accepted=accepted, text=text))
