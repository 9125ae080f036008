"""Each action becomes exactly one call of the port it belongs to."""

import inspect
from typing import get_args

import pytest

from hafailover.arbiter.requests import ReadStanding
from hafailover.group import actions
from hafailover.group.report import GroupReport, Role
from hafailover.lineage.record import LineageRecord
from hafailover.runtime import ports
from hafailover.runtime.performer import perform
from hafailover.storage.steps import SignalStep
from hafailover.units import Instant
from tests.runtime.toy import World

REPORT = GroupReport(
    node="A",
    boot="b",
    incarnation="i",
    sequence=1,
    role=Role.STANDBY,
    epoch=1,
    priority=100,
    candidate=True,
)
STEP = SignalStep(process_group=7, pid=0, signal="TERM", what="ggated")
RECORDS = (("v", LineageRecord()),)
UNPROTECTED = actions.AlertKind.UNPROTECTED
EXPECTED: list[tuple[actions.Action, tuple[object, ...]]] = [
    (actions.SendAdvertisement(family=6, priority=0), ("wire.send_advertisement", "g", 6, 0)),
    (actions.AssignAddresses(id=1), ("addresses.assign", "g", 1)),
    (actions.ReleaseAddresses(id=2), ("addresses.release", "g", 2)),
    (actions.AnnounceAddresses(), ("announcer.announce", "g")),
    (
        actions.Observe(id=3, images=("/i",), openers_of=("/o",)),
        ("observer.observe", "g", actions.Observe(id=3, images=("/i",), openers_of=("/o",))),
    ),
    (actions.RunStep(id=4, step=STEP, reason="r"), ("steps.run", "g", 4, STEP)),
    (actions.CutStepShort(id=4), ("steps.cut_short", "g", 4)),
    (actions.WriteRecords(id=5, records=RECORDS), ("records.write", "g", 5, RECORDS)),
    (actions.SendReport(report=REPORT), ("peer.send", "g", REPORT)),
    (
        actions.AskArbiter(id=6, request=ReadStanding()),
        ("arbiter.ask", "g", 6, ReadStanding()),
    ),
    (actions.ArmWatchdog(id=10, pat_until=Instant(5)), ("watchdog.arm", "g", 10, 5)),
    (actions.PatWatchdog(pat_until=Instant(6)), ("watchdog.allow", "g", 6)),
    (actions.DisarmWatchdog(), ("watchdog.disarm", "g")),
    (actions.Probe(id=7), ("prober.probe", "g", 7)),
    (
        actions.WatchCanary(volume="v", mount_point="/m", is_on=True),
        ("watchers.watch_canary", "g", "v", "/m", True),
    ),
    (
        actions.WatchImage(volume="v", image="/i", is_on=False),
        ("watchers.watch_image", "g", "v", "/i", False),
    ),
    (
        actions.RunService(id=8, service="s", verb=actions.ServiceVerb.STOP),
        ("services.run", "g", 8, "s", actions.ServiceVerb.STOP),
    ),
    (
        actions.RaiseAlert(kind=UNPROTECTED, severity=actions.Severity.WARNING, text="t"),
        ("alerts.raise_alert", "g", UNPROTECTED, actions.Severity.WARNING, "t"),
    ),
    (
        actions.ResolveAlert(kind=UNPROTECTED, text="t"),
        ("alerts.resolve_alert", "g", UNPROTECTED, "t"),
    ),
    (
        actions.Reply(id=9, accepted=True, text="yes"),
        ("operators.reply", "g", 9, "yes", True),
    ),
    (
        actions.PersistPause(until_wall=12, reason="r"),
        ("records.persist_pause", "g", 12, "r"),
    ),
    (actions.SaveDifferences(id=11, reason="r"), ("differences.save", "g", 11, "r")),
    (actions.ResetHost(reason="r"), ("host.reset", "g", "r")),
    (actions.Stop(), ("host.stop", "g")),
    (actions.Note(text="t"), ("alerts.note", "g", "t")),
]


@pytest.mark.parametrize(
    ("action", "call"), EXPECTED, ids=[type(action).__name__ for action, _ in EXPECTED]
)
def test_an_action_is_one_call(action: actions.Action, call: tuple[object, ...]) -> None:
    world = World()
    perform(world.ports(), "g", action)
    assert world.take() == [call]


def test_every_action_is_in_the_table() -> None:
    assert {type(action) for action, _ in EXPECTED} == set(get_args(actions.Action))


def test_every_call_exists_on_its_port() -> None:
    hints = inspect.get_annotations(ports.Ports)
    for _, call in EXPECTED:
        port, method = str(call[0]).split(".")
        assert callable(getattr(hints[port], method))
