"""Bugs that can be planted in the core, and for each a random run in which it has to show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hafailover.arbiter.answers import Answer, IsOff
from hafailover.arbiter.requests import PowerOff
from hafailover.group import (
    addresses,
    arbiters,
    arrivals,
    candidacy,
    checking,
    claims,
    contact,
    etcd,
    fencing,
    guard,
    isolation,
    loss,
    machine,
    own_copy,
    parting,
    primary,
    promises,
    promotion,
    rejoin,
    routers,
    standby,
    starting,
    transactions,
    work,
)
from hafailover.group.settings import ArbiterKind
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.group.work import Progress
from hafailover.lineage import changes, compare
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.sim import alone, limits
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.stories import FIRST_SEED
from hafailover.storage import activation
from hafailover.storage.facts import StorageFacts
from hafailover.storage.steps import CommandStep, Reached, StepOutcome
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def fault(kind: FaultKind, node: str, span: float, after: float) -> Fault:
    """Return a fault with its times in seconds."""
    return Fault(kind=kind, node=node, span_ns=int(span * SECOND), wait_ns=int(after * SECOND))


A_DISK_THAT_FAILS = (fault(FaultKind.DISK_ERRORS, "B", 5, 1),)
A_DARK_IN_THE_REBUILD = (
    fault(FaultKind.POWER, "B", 3, 2),
    fault(FaultKind.POWER, "A", 20, 4.3),
)
IN_TURN = (
    fault(FaultKind.POWER, "A", 14, 2),
    fault(FaultKind.POWER, "B", 30, 12),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bug, and the run in which it shows: as its seed draws it, or with faults that were picked for it."""

    plant: Plant
    seed: int = 1
    faults: tuple[Fault, ...] | None = None
    arbiter: ArbiterKind = ArbiterKind.PING


def no_wait_for_silence(patch: Patch) -> None:
    patch.setattr(candidacy, "beside_silence", lambda _turn: "")


def stale_copies_promoted(patch: Patch) -> None:
    for module in (candidacy, compare, standby):
        patch.setattr(module, "USABLE", tuple(CopyState))
    patch.setattr(compare, "BEHIND", ())


def ancestors_compared_the_wrong_way(patch: Patch) -> None:
    real = compare.compare

    def turned(mine: compare.Side, theirs: compare.Side, **options: bool) -> compare.Verdict:
        return real(theirs, mine, **options)

    patch.setattr(contact, "compare", turned)


def always_identical(patch: Patch) -> None:
    real = changes.outrun
    patch.setattr(changes, "outrun", lambda record: replace(real(record), copy=CopyState.IN_SYNC))
    patch.setattr(changes, "booted", lambda record, *, boot: replace(record, boot=boot))


def address_kept_while_demoting(patch: Patch) -> None:
    patch.setattr(addresses, "take_down", lambda _turn: None)
    patch.setattr(addresses, "are_down", lambda _turn: True)


def never_drops(patch: Patch) -> None:
    patch.setattr(loss, "noticed", lambda _turn: "")


def never_rejoins(patch: Patch) -> None:
    patch.setattr(standby, "_offer", lambda *_args, **_options: None)


def drops_before_the_record(patch: Patch) -> None:
    patch.setattr(GroupState, "is_durable", property(lambda _state: True))
    patch.setattr(parting, "_claim_dropped", lambda _turn: None)


def promotes_while_syncing(patch: Patch) -> None:
    patch.setattr(changes, "exported", _exported_as_in_sync(changes.exported))


def _exported_as_in_sync(real: Callable[..., LineageRecord]) -> Callable[..., LineageRecord]:
    def exported(record: LineageRecord, **options: Any) -> LineageRecord:
        return replace(real(record, **options), copy=CopyState.IN_SYNC)

    return exported


def skips_the_file_system_check(patch: Patch) -> None:
    patch.setattr(checking, "plan_check", lambda _attempt, _view: Reached())
    real = promotion._checked

    def checked(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
        attempt = turn.state.attempt
        if attempt is not None:
            names = tuple(view.settings.name for view in views)
            turn.set(attempt=replace(attempt, checked=names))
        return real(turn, views)

    patch.setattr(promotion, "_checked", checked)


def an_isolated_primary_goes_on(patch: Patch) -> None:
    patch.setattr(isolation, "since", lambda _turn: None)


def an_outranked_primary_goes_on(patch: Patch) -> None:
    patch.setattr(primary, "_outranked", lambda _turn: False)
    patch.setattr(isolation, "since", lambda _turn: None)


def attaches_beside_a_ggated(patch: Patch) -> None:
    patch.setattr(promotion, "_freed", lambda _turn, _views: Progress.REACHED)
    patch.setattr(activation, "plan_unexported", lambda _view, _tries: Reached())


def puts_the_address_up_first(patch: Patch) -> None:
    real = promotion.advance

    def advance(turn: Turn) -> None:
        if not turn.state.addresses_wanted:
            addresses.bring_up(turn)
        real(turn)

    patch.setattr(promotion, "advance", advance)


def waits_for_no_lost_image(patch: Patch) -> None:
    patch.setattr(own_copy, "is_lost", lambda _turn: False)


def never_becomes_master(patch: Patch) -> None:
    patch.setattr(routers, "set_candidacy", lambda _turn, **_options: None)


def notices_no_lateness(patch: Patch) -> None:
    patch.setattr(arrivals, "lateness", lambda _turn: 0)
    patch.setattr(arrivals, "late", lambda _turn, _late_ns: None)


def trusts_an_exit_status(patch: Patch) -> None:
    """Once its umount says that it worked, nothing of the volume is looked for any more on that node."""
    finish, observe, believed = arrivals.step_finished, arrivals.observed, set()

    def finished(turn: Turn, number: int, outcome: StepOutcome) -> None:
        step = turn.state.work.step if turn.state.work is not None else None
        if isinstance(step, CommandStep) and step.verb == "umount" and outcome.status == 0:
            believed.add(turn.settings.node)
        finish(turn, number, outcome)

    def observed(turn: Turn, number: int, facts: StorageFacts) -> None:
        if turn.settings.node in believed:
            facts = replace(facts, mounts=(), mirrors=(), gates=(), memory_disks=(), processes=())
        observe(turn, number, facts)

    patch.setattr(arrivals, "step_finished", finished)
    patch.setattr(arrivals, "observed", observed)


def never_writes_a_record(patch: Patch) -> None:
    patch.setattr(work, "write_records", lambda _turn: None)


def waits_for_its_peer_for_ever(patch: Patch) -> None:
    patch.setattr(candidacy, "beside_silence", lambda _turn: "it waits for its peer")


def asks_to_be_woken_at_once(patch: Patch) -> None:
    patch.setattr(machine, "deadline", lambda state, _settings: state.moved_at)


def never_gives_a_grant_back(patch: Patch) -> None:
    patch.setattr(arbiters, "released", lambda _turn: Progress.BUSY)


def believes_the_peer_behind(patch: Patch) -> None:
    patch.setattr(contact, "compare", lambda *_sides, **_options: compare.Verdict.MINE)


def wants_no_peer_back(patch: Patch) -> None:
    patch.setattr(rejoin, "wants_peer", lambda *_args: False)


def skips_the_fence_wait(patch: Patch) -> None:
    patch.setattr(fencing, "proved", lambda _turn: Progress.REACHED)
    patch.setattr(fencing, "is_out", lambda _turn: True)


def serves_on_without_a_grant(patch: Patch) -> None:
    patch.setattr(guard, "is_open", lambda _turn: True)
    patch.setattr(guard, "abort_at", lambda _turn: None)
    patch.setattr(guard, "_pat_until", lambda turn: turn.now + 3600 * SECOND)


def takes_over_before_the_lease_has_run_out(patch: Patch) -> None:
    patch.setattr(arbiters, "granted", lambda _turn: Progress.REACHED)
    patch.setattr(arbiters, "pending", lambda _turn: "")
    patch.setattr(arbiters, "committed", lambda _turn: Progress.REACHED)
    patch.setattr(promotion, "_is_ungranted", lambda _turn: False)


def drops_without_asking_etcd(patch: Patch) -> None:
    patch.setattr(arbiters, "may_drop", lambda _turn: True)


def commits_without_etcd(patch: Patch) -> None:
    patch.setattr(arbiters, "committed", lambda _turn: Progress.REACHED)
    patch.setattr(transactions, "_committing", lambda _turn: None)


def forgets_its_promise(patch: Patch) -> None:
    patch.setattr(promises, "binds", lambda _turn: False)


def forgets_the_drift(patch: Patch) -> None:
    """A lease, and a promise, is taken to last as long by every clock."""
    patch.setattr(etcd, "shortened", lambda span: span)
    patch.setattr(promises, "shortened", lambda span: span)
    patch.setattr(promises, "lengthened", lambda span: span)


def goes_on_alone_under_the_old_lineage(patch: Patch) -> None:
    real = changes.went_on_alone

    def went_on_alone(record: LineageRecord, **options: Any) -> LineageRecord:
        changed = real(record, **options)
        return replace(changed, lineage=record.lineage, ancestors=record.ancestors)

    patch.setattr(changes, "went_on_alone", went_on_alone)


def forgets_that_a_copy_was_open(patch: Patch) -> None:
    patch.setattr(
        starting, "booted", lambda record, *, boot: replace(record, boot=boot, session="")
    )


def hands_over_without_looking(patch: Patch) -> None:
    patch.setattr(claims, "are_all_identical", lambda *_args: True)


def exports_without_a_new_session(patch: Patch) -> None:
    """The image is exported, and its record says neither that it is open nor for whom."""
    patch.setattr(changes, "exported", lambda record, **_options: record)


def adopts_any_mount(patch: Patch) -> None:
    patch.setattr(starting, "_judge_mount", vars(starting)["_adopt"])


def calls_a_rebuild_finished_too_early(patch: Patch) -> None:
    """A component that is still being written passes for one that holds everything."""

    def has_two(view: VolumeView) -> bool:
        return view.mirror is not None and view.local is not None and view.remote is not None

    patch.setattr(VolumeView, "has_two_active", property(has_two))


def believes_a_shot_that_failed(patch: Patch) -> None:
    finish = fencing.finish

    def finished(turn: Turn, number: int, answer: Answer) -> None:
        is_shot = isinstance(turn.state.fence.request, PowerOff)
        finish(turn, number, IsOff() if is_shot else answer)

    patch.setattr(fencing, "finish", finished)


def hides_what_the_kernel_dropped(patch: Patch) -> None:
    """A copy that the kernel let go before any record said so passes for one that was let go in order."""
    went_on_alone = changes.went_on_alone

    def without_doubt(record: LineageRecord, **words: Any) -> LineageRecord:
        return went_on_alone(record, **(words | {"doubt": ""}))

    patch.setattr(changes, "went_on_alone", without_doubt)


PING_CASES = (
    Case(plant=ancestors_compared_the_wrong_way, seed=FIRST_SEED + 0),
    Case(plant=address_kept_while_demoting, seed=FIRST_SEED + 1),
    Case(plant=never_rejoins, seed=FIRST_SEED + 0),
    Case(plant=attaches_beside_a_ggated, seed=FIRST_SEED + 1),
    Case(plant=waits_for_no_lost_image, seed=FIRST_SEED + 28),
    Case(plant=never_writes_a_record, seed=FIRST_SEED + 0),
    Case(plant=believes_the_peer_behind, seed=FIRST_SEED + 0),
    Case(plant=stale_copies_promoted, seed=FIRST_SEED + 32),
    Case(plant=always_identical, seed=FIRST_SEED + 0),
    Case(plant=never_drops, seed=FIRST_SEED + 4),
    Case(plant=drops_before_the_record, seed=FIRST_SEED + 0),
    Case(plant=skips_the_file_system_check, seed=FIRST_SEED + 5),
    Case(plant=an_outranked_primary_goes_on, seed=FIRST_SEED + 13),
    Case(plant=puts_the_address_up_first, seed=FIRST_SEED + 0),
    Case(plant=never_becomes_master, seed=FIRST_SEED + 0),
    Case(plant=trusts_an_exit_status, seed=FIRST_SEED + 1),
    Case(plant=asks_to_be_woken_at_once, seed=FIRST_SEED + 0),
    Case(plant=wants_no_peer_back, seed=FIRST_SEED + 0),
    Case(plant=goes_on_alone_under_the_old_lineage, seed=FIRST_SEED + 13),
    Case(plant=hands_over_without_looking, seed=FIRST_SEED + 28),
    Case(plant=no_wait_for_silence, seed=FIRST_SEED + 42),
    Case(plant=notices_no_lateness, seed=FIRST_SEED + 77),
    Case(plant=an_isolated_primary_goes_on, seed=FIRST_SEED + 42),
    Case(plant=forgets_that_a_copy_was_open, seed=FIRST_SEED + 23),
    Case(plant=exports_without_a_new_session, seed=FIRST_SEED + 0),
    Case(plant=adopts_any_mount, seed=FIRST_SEED + 17),
    Case(plant=waits_for_its_peer_for_ever, seed=alone.FIRST_SEED + 5),
    Case(plant=promotes_while_syncing, faults=A_DARK_IN_THE_REBUILD),
    Case(plant=hides_what_the_kernel_dropped, faults=A_DISK_THAT_FAILS),
)
STRICT_CASES = (
    Case(
        plant=takes_over_before_the_lease_has_run_out, seed=FIRST_SEED + 1, arbiter=ArbiterKind.ETCD
    ),
    Case(plant=calls_a_rebuild_finished_too_early, seed=51, arbiter=ArbiterKind.ETCD),
    Case(plant=never_gives_a_grant_back, seed=FIRST_SEED + 0, arbiter=ArbiterKind.ETCD),
    Case(plant=serves_on_without_a_grant, seed=FIRST_SEED + 1, arbiter=ArbiterKind.ETCD),
    Case(plant=drops_without_asking_etcd, seed=FIRST_SEED + 1, arbiter=ArbiterKind.ETCD),
    Case(plant=forgets_its_promise, seed=FIRST_SEED + 3, arbiter=ArbiterKind.ETCD),
    Case(plant=forgets_the_drift, seed=limits.FIRST_SEED + 19, arbiter=ArbiterKind.ETCD),
    Case(plant=commits_without_etcd, faults=IN_TURN, arbiter=ArbiterKind.ETCD),
    Case(plant=skips_the_fence_wait, seed=FIRST_SEED + 1, arbiter=ArbiterKind.FENCE),
    Case(plant=believes_a_shot_that_failed, seed=FIRST_SEED + 1, arbiter=ArbiterKind.FENCE),
)
CASES = PING_CASES + STRICT_CASES
