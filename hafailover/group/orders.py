"""What does an operator's order do? Each is refused with a sentence, or taken; it carries the epoch that was seen."""

from dataclasses import replace

from hafailover.group import (
    arbiters,
    candidacy,
    drilling,
    handover,
    passing,
    promotion,
    resolving,
)
from hafailover.group.actions import PersistPause
from hafailover.group.contact import group_verdict, is_acting, may_begin_up
from hafailover.group.events import OperatorAsked, OrderKind
from hafailover.group.report import GroupReport, Role
from hafailover.group.state import Pause
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE, Verdict
from hafailover.lineage.record import CopyState

_HARMLESS = (Verdict.MINE, Verdict.EITHER, Verdict.IDENTICAL)


def obey(turn: Turn, order: OperatorAsked) -> None:  # noqa: C901 - one flat table of all orders
    """Take an order, or refuse it."""
    state = turn.state
    if order.seen_epoch not in (-1, state.epoch):
        _refuse(
            turn,
            order,
            f"the group has moved on: the order was given on epoch {order.seen_epoch}, it is now "
            f"{state.epoch}. Look at the status again",
        )
        return
    if passing.concerns_peer(turn, order):
        passing.pass_on(turn, order)
        return
    match order.kind:
        case OrderKind.SWITCHOVER:
            _switch_over(turn, order)
        case OrderKind.PAUSE:
            turn.do(PersistPause(until_wall=order.until_wall, reason=order.reason))
            turn.set(pause=Pause(until_wall=order.until_wall, reason=order.reason))
            _accept(turn, order, "role changes are paused; losses are still handled")
        case OrderKind.RESUME:
            turn.do(PersistPause(until_wall=None, reason=""))
            turn.set(pause=None)
            _accept(turn, order, "role changes are allowed again")
        case OrderKind.REJOIN:
            _rejoin(turn, order)
        case OrderKind.PROMOTE:
            _promote(turn, order)
        case OrderKind.CLEAR_HOLD:
            turn.set(
                hold_until=None,
                failures=0,
                failovers=(),
                failbacks_lost=0,
                pairing=replace(turn.state.pairing, failures=0, retry_at=None),
            )
            _accept(turn, order, "the hold-down is over")
        case OrderKind.RESOLVE:
            resolving.obey(turn, order)
        case OrderKind.MARK:
            drilling.mark(turn, order)
        case OrderKind.GIVE_UP:
            drilling.give_up(turn, order)
        case OrderKind.WITHDRAW:
            drilling.withdraw(turn, order)
        case OrderKind.DRILLED:
            drilling.tell(turn, order)


def _switch_over(turn: Turn, order: OperatorAsked) -> None:
    if not turn.settings.has_storage:
        _refuse(
            turn,
            order,
            "a plain virtual router moves by its priority; stop the agent on the Master instead",
        )
        return
    if turn.state.pause is not None:
        _refuse(turn, order, "role changes are paused; 'hafailover resume' first")
        return
    obstacle = handover.obstacle(turn)
    if obstacle:
        _refuse(turn, order, f"no switchover: {obstacle}")
        return
    _accept(turn, order, f"handing over to {turn.settings.peer}")
    turn.set(failed_back_at=None, failbacks_lost=0)
    handover.begin(
        turn, "an operator asked for a switchover" + (f": {order.reason}" if order.reason else "")
    )


def _rejoin(turn: Turn, order: OperatorAsked) -> None:
    if turn.state.role is not Role.PRIMARY:
        _refuse(
            turn,
            order,
            f"{turn.settings.node} is {turn.state.role.value}: give this order on the primary",
        )
        return
    if turn.state.is_in_sync and turn.state.dropping is None:
        _accept(turn, order, "both copies are in sync: nothing has to be rebuilt")
        return
    turn.set(pairing=replace(turn.state.pairing, is_ordered=True, failures=0, retry_at=None))
    _accept(turn, order, f"the copy of {turn.settings.peer} is rebuilt as soon as it is offered")


def _promote(turn: Turn, order: OperatorAsked) -> None:
    state = turn.state
    report = turn.peer_report
    if state.role is not Role.STANDBY:
        _refuse(turn, order, f"{turn.settings.node} is {state.role.value}, not standby")
        return
    if report is not None and is_acting(report):
        _refuse(
            turn,
            order,
            f"{turn.settings.peer} is {report.role.value}: no force against a live primary",
        )
        return
    if report is not None and may_begin_up(report):
        _refuse(
            turn,
            order,
            f"the agent of {turn.settings.peer} has just begun, and may find the volumes up there: wait until it has "
            "seen them; if it never does, power that host off, then add --peer-is-off",
        )
        return
    doubt = candidacy.beside_silence(turn) if report is None else _peer_doubt(turn, report, order)
    if doubt and not (report is None and order.peer_is_off):
        remedy = (
            f". Make sure that {turn.settings.peer} is off, then add --peer-is-off"
            if report is None
            else ""
        )
        _refuse(turn, order, f"{doubt}{remedy}")
        return
    problem = _copy_problem(turn, order) or _arbiter_problem(turn, order)
    if problem:
        _refuse(turn, order, problem)
        return
    last = state.peer.report
    forced = order.force_copy and _needs_force(turn, last)
    given_up = tuple(copy.record.lineage for _, copy in (last.copies if last else ()))
    turn.set(hold_until=None, failures=0, failovers=(), token_given=None)
    _accept(turn, order, "promoting by an operator's order")
    promotion.begin(
        turn,
        "an operator's order" + (f": {order.reason}" if order.reason else ""),
        epoch=candidacy.epoch_to_take(turn),
        accepts_mixture=order.accept_mixture,
        given_up=given_up if forced else None,
        on_word=order.peer_is_off,
    )


def _arbiter_problem(turn: Turn, order: OperatorAsked) -> str:
    """Say why the arbiter does not have this copy promoted; empty if it does, or if the operator answers for it."""
    if arbiters.is_silent(turn):
        if order.peer_is_off:
            return ""
        return (
            f"{arbiters.own_refusal(turn)}. Make sure that {turn.settings.peer} is off, then add --peer-is-off: "
            "nothing but your word keeps it from serving then"
        )
    why = arbiters.pending(turn)
    if why:
        return why
    why = arbiters.own_refusal(turn)
    if why and not order.force_copy:
        return f"{why}. To give up what the counted copies have more: --force-copy"
    return ""


def _needs_force(turn: Turn, last: GroupReport | None) -> bool:
    """Whether serving from this node's copy gives something up that the other one has."""
    if any(record.copy not in USABLE for _, record in turn.state.records):
        return True
    return last is not None and group_verdict(turn, last) not in _HARMLESS


def _peer_doubt(turn: Turn, report: GroupReport, order: OperatorAsked) -> str:
    """Say why a node whose peer is heard should not be promoted just like that; empty if it may."""
    peer = turn.settings.peer
    if turn.state.pause is not None:
        return "role changes are paused; 'hafailover resume' first"
    if turn.state.token_given is not None:
        return f"the group was just released to {peer}, which has the first right to it. Look at the status again"
    if turn.state.consent:
        return f"this node has just agreed that {peer} serves. Look at the status again"
    verdict = group_verdict(turn, report)
    if verdict not in _HARMLESS and not order.force_copy:
        return f"{verdict.value}. To give up what {peer} has more: --force-copy"
    return ""


def _copy_problem(turn: Turn, order: OperatorAsked) -> str:
    for volume, record in turn.state.records:
        if record.copy is CopyState.UNKNOWN:
            return f"the copy of {volume} has no valid record: {record.doubt}"
        if record.copy is CopyState.SYNCING and not order.accept_mixture:
            return (
                f"the copy of {volume} is the target of an unfinished rebuild, a mixture of old and new. Only if the "
                "other copy is lost for good: --force-copy --accept-mixture"
            )
        if record.copy not in USABLE and not order.force_copy:
            return (
                f"the copy of {volume} is {record.copy.value}: what the other copy has more would be given up. "
                "Add --force-copy"
            )
    return ""


def _accept(turn: Turn, order: OperatorAsked, text: str) -> None:
    turn.note(f"order {order.kind.value}: {text}")
    passing.reply(turn, order.id, text, accepted=True)


def _refuse(turn: Turn, order: OperatorAsked, text: str) -> None:
    passing.reply(turn, order.id, text, accepted=False)
