"""The driver keeps order, lateness and the alarm."""

from hafailover.group.events import LinkChanged, OperatorAsked, OrderKind, ShutdownAsked, Started
from hafailover.runtime.driver import Driver
from hafailover.runtime.journal import Journal
from tests.runtime.toy import ListSink, ToyState, World, toy_core

STARTED = Started(boot="b", incarnation="i", entropy="00")
ASKED = OperatorAsked(id=1, kind=OrderKind.REJOIN)


def driver(world: World, *groups: str, lateness: int = 1000) -> Driver:
    cores = {group: toy_core(lateness) for group in groups}
    journal = Journal(
        ListSink(), dict.fromkeys(groups, ToyState), header={"node": "A"}, bytes_max=10**6
    )
    return Driver(cores, world.ports(), journal)


def test_actions_are_performed_in_their_order() -> None:
    world = World()
    driver(world, "g").feed("g", ASKED)
    assert world.take() == [
        ("addresses.assign", "g", 1),
        ("announcer.announce", "g"),
        ("alerts.note", "g", "asked"),
    ]


def test_the_alarm_is_the_nearest_deadline_of_all_groups() -> None:
    world = World()
    subject = driver(world, "g", "h")
    subject.feed("g", STARTED)
    world.time = 30
    subject.feed("h", STARTED)
    assert world.alarm == 100
    world.time = 100
    subject.wake()
    assert world.alarm == 130
    assert world.take()[-1] == ("wire.send_advertisement", "g", 4, 1)


def test_no_deadline_means_no_alarm() -> None:
    world = World()
    subject = driver(world, "g")
    subject.feed("g", STARTED)
    subject.feed("g", ShutdownAsked())
    assert world.alarm is None


def test_waking_too_early_does_nothing_but_set_the_alarm_again() -> None:
    world = World()
    subject = driver(world, "g")
    subject.feed("g", STARTED)
    world.take()
    world.time, world.alarm = 50, None
    subject.wake()
    assert world.take() == []
    assert subject.alarm == 100


def test_an_event_that_comes_while_actions_are_performed_waits_for_the_rest_of_them() -> None:
    world = World()
    subject = driver(world, "g", "h")

    def answer_at_once(name: str) -> None:
        if name == "addresses.assign":
            subject.feed("h", LinkChanged(is_up=True))

    world.on_call = answer_at_once
    subject.feed("g", ASKED)
    assert [call[:2] for call in world.take()] == [
        ("addresses.assign", "g"),
        ("announcer.announce", "g"),
        ("alerts.note", "g"),
        ("alerts.note", "h"),
    ]


def test_lateness_is_told_to_every_group_before_what_piled_up_is_acted_on() -> None:
    world = World()
    subject = driver(world, "g", "h")
    subject.feed_all(STARTED)
    world.take()
    world.time = 5100
    subject.feed("h", LinkChanged(is_up=False))
    assert world.take() == [
        ("alerts.note", "g", "late 5000"),
        ("alerts.note", "h", "late 5000"),
        ("wire.send_advertisement", "g", 4, 1),
        ("wire.send_advertisement", "h", 4, 1),
        ("alerts.note", "h", "link at 1"),
    ]


def test_lateness_within_the_limit_is_not_told() -> None:
    world = World()
    subject = driver(world, "g")
    subject.feed("g", STARTED)
    world.take()
    world.time = 1100
    subject.wake()
    assert world.take() == [("wire.send_advertisement", "g", 4, 1)]


def test_one_pause_is_told_once() -> None:
    world = World()
    subject = driver(world, "g")
    subject.feed("g", STARTED)
    world.time = 9000
    subject.wake()
    subject.wake()
    subject.feed("g", LinkChanged(is_up=True))
    late = [note for note in subject.state("g").notes if note.startswith("late")]
    assert len(late) == 1


def test_a_group_with_more_patience_is_not_told() -> None:
    world = World()
    journal = Journal(
        ListSink(), {"g": ToyState, "h": ToyState}, header={"node": "A"}, bytes_max=10**6
    )
    subject = Driver({"g": toy_core(10), "h": toy_core(10**6)}, world.ports(), journal)
    subject.feed_all(STARTED)
    world.time = 500
    subject.wake()
    assert (subject.state("g").notes, subject.state("h").notes) == (("late 400",), ())
