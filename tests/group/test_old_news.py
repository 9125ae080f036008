"""What came too late, or was begun too early, is not taken for what is so now."""

from dataclasses import replace

from hafailover.group import machine
from hafailover.group.events import (
    DeadlineReached,
    RecordsWritten,
    ReportReceived,
    Started,
    StorageObserved,
)
from hafailover.group.report import GroupReport, Role, renumbered
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.sim import pair
from hafailover.storage.facts import GateProcess, ImageFacts, StorageFacts, TailKind
from hafailover.units import SECOND, Instant

SETTINGS = pair.group_settings("B")
EMPTY = StorageFacts(memory_disks=(), gates=(), mirrors=(), mounts=(), processes=())

SERVING = GroupReport(
    node="A",
    boot="a",
    incarnation="one",
    sequence=9,
    role=Role.PRIMARY,
    epoch=1,
    priority=200,
    candidate=False,
)


def started() -> GroupState:
    (volume,) = SETTINGS.volumes
    records = ((volume.name, pair.founding_record("B", 7)),)
    event = Started(boot="b", incarnation="i", entropy="00", records=records)
    return machine.step(machine.initial(SETTINGS), event, Instant(0), SETTINGS).state


def heard(state: GroupState, report: GroupReport, now: int) -> GroupState:
    event = ReportReceived(network="replication", report=report)
    return machine.step(state, event, Instant(now), SETTINGS).state


def test_a_report_of_an_earlier_life_of_the_peers_agent_is_not_taken_in() -> None:
    """Killed and started again; its last words come over the other network after the first of its new life."""
    old = SERVING
    new = replace(old, incarnation="two", sequence=1, role=Role.STANDBY)
    state = heard(heard(started(), old, 1), new, 2)

    state = heard(state, replace(old, sequence=10), 3)

    assert state.peer.report == new


def test_a_look_that_began_before_a_step_has_ended_does_not_show_what_the_step_did() -> None:
    state = started()
    assert state.observing is not None
    turn = Turn(state, Instant(1), SETTINGS)
    turn.look_again()

    seen = StorageObserved(id=state.observing.id, facts=EMPTY)
    state = machine.step(turn.state, seen, Instant(2), SETTINGS).state

    assert Turn(state, Instant(2), SETTINGS).views() is None
    assert state.observing is not None
    seen = StorageObserved(id=state.observing.id, facts=EMPTY)
    state = machine.step(state, seen, Instant(3), SETTINGS).state
    assert Turn(state, Instant(3), SETTINGS).views() is not None


def test_a_ggatec_without_its_device_is_nothing_half_done() -> None:
    """It may not end for long (state D); a node that is found so stands by all the same."""
    (volume,) = SETTINGS.volumes
    carrier = GateProcess(
        program="ggatec",
        pid=77,
        parent=1,
        process_group=77,
        state="D",
        arguments=("ggatec", "create", "-u", str(volume.ggate_units[0])),
    )
    image = ImageFacts(
        exists=True,
        size_bytes=volume.size_bytes,
        device=1,
        inode=7,
        is_writable=True,
        tail=TailKind.MARKER,
        marker="founded-B",
    )
    facts = replace(EMPTY, processes=(carrier,), addresses=(), images=((volume.image, image),))
    state = started()
    for tenths in range(1, 20):
        now = Instant(tenths * SECOND // 10)
        if state.writing is not None:
            done = RecordsWritten(id=state.writing.id)
            state = machine.step(state, done, now, SETTINGS).state
        if state.observing is not None:
            seen = StorageObserved(id=state.observing.id, facts=facts)
            state = machine.step(state, seen, now, SETTINGS).state
        state = machine.step(state, DeadlineReached(), now, SETTINGS).state

    assert state.role is Role.STANDBY


def test_a_report_is_the_same_under_another_number() -> None:
    report = replace(SERVING, hears=("lan",), restart_hold_ns=7)
    assert renumbered(report, 4) == replace(report, sequence=4)
    assert report.sequence == SERVING.sequence
