"""A group without volumes is a plain virtual router."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_interface
from typing import TYPE_CHECKING

from hafailover.group import actions, machine
from hafailover.group.events import (
    AddressChanged,
    AdvertisementAccepted,
    DeadlineReached,
    Event,
    LinkChanged,
    ServiceFinished,
    ShutdownAsked,
    Started,
    StepFinished,
)
from hafailover.group.settings import GroupSettings, ServiceSettings
from hafailover.group.view import describe
from hafailover.storage.steps import StepOutcome
from hafailover.units import SECOND, Instant, seconds
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version
from hafailover.vrrp.states import Backup, Initialize, Master

if TYPE_CHECKING:
    from hafailover.group.state import GroupState

VIRTUAL = IPv4Address("192.0.2.100")
ROUTER = RouterSettings(
    vrid=7,
    family=Family.IPV4,
    version=Version.V3,
    priority=100,
    interval_ns=seconds(1),
    addresses=(VIRTUAL,),
    primary_address=IPv4Address("192.0.2.1"),
)
SETTINGS = GroupSettings(
    name="plain",
    node="A",
    peer="",
    interface="em0",
    routers=(ROUTER,),
    announce=AnnounceSettings(),
    addresses=(ip_interface("192.0.2.100/32"),),
)


class Story:
    """Feeds a group and keeps what came out."""

    def __init__(self, settings: GroupSettings = SETTINGS) -> None:
        self.now = 0
        self.settings = settings
        self.state: GroupState = machine.initial(settings)
        self.done: list[actions.Action] = []

    def feed(self, event: Event) -> None:
        result = machine.step(self.state, event, Instant(self.now), self.settings)
        self.state, self.done = result.state, list(result.actions)

    def start(self) -> None:
        self.feed(Started(boot="b", incarnation="i", entropy="00"))

    def pass_time(self, until: int) -> None:
        """Let every deadline up to ``until`` come true."""
        while (due := machine.deadline(self.state, self.settings)) is not None and due <= until:
            self.now = due
            self.feed(DeadlineReached())
        self.now = until

    def kinds(self) -> list[str]:
        return [type(action).__name__ for action in self.done]


def advertisement(priority: int) -> AdvertisementAccepted:
    return AdvertisementAccepted(
        family=4,
        advertisement=Advertisement(
            version=Version.V3,
            vrid=7,
            priority=priority,
            interval_ns=SECOND,
            addresses=(VIRTUAL,),
            source=IPv4Address("192.0.2.2"),
            destination=IPv4Address("224.0.0.18"),
        ),
    )


def master() -> Story:
    story = Story()
    story.start()
    story.pass_time(3 * SECOND + 156 * SECOND // 256)
    story.pass_time(4 * SECOND)
    return story


def router_state(story: Story) -> type[object]:
    return type(story.state.routers[0])


def test_it_becomes_master_after_the_master_down_interval_and_takes_the_address() -> None:
    story = Story()
    story.start()
    story.pass_time(3 * SECOND + 156 * SECOND // 256 - 1)
    assert router_state(story) is Backup

    story.pass_time(story.now + 1)

    assert router_state(story) is Master
    assert "AssignAddresses" in story.kinds()


def test_the_address_is_announced_once_it_is_up() -> None:
    story = master()
    assert story.state.addressing is not None

    story.feed(StepFinished(id=story.state.addressing.id, outcome=StepOutcome(status=0)))

    assert "AnnounceAddresses" in story.kinds()


def test_a_greater_priority_takes_the_address_away() -> None:
    story = master()

    story.feed(advertisement(200))

    assert "ReleaseAddresses" in story.kinds()
    assert not story.state.addresses_wanted


def test_an_address_that_is_only_answered_for_is_not_called_up() -> None:
    story = master()
    deaf = replace(ROUTER, accept=False)

    def where(settings: GroupSettings) -> str:
        return str(describe(story.state, settings, Instant(story.now))["addresses_are"])

    assert where(SETTINGS) == "up here"
    assert where(replace(SETTINGS, routers=(deaf,))) == "answered for here, and not accepted"
    story.feed(advertisement(200))
    assert where(SETTINGS) == "not here"


def test_without_a_link_it_takes_no_part_and_gives_the_address_up() -> None:
    story = master()

    story.feed(LinkChanged(is_up=False))

    assert isinstance(story.state.routers[0], Initialize)
    assert "ReleaseAddresses" in story.kinds()


def test_an_address_that_somebody_takes_off_is_put_back() -> None:
    story = master()
    assert story.state.addressing is not None
    gone = AddressChanged(address="192.0.2.100/32", is_gone=True)
    story.feed(gone)
    assert "AssignAddresses" not in story.kinds()
    story.feed(StepFinished(id=story.state.addressing.id, outcome=StepOutcome(status=0)))

    story.feed(gone)

    assert "AssignAddresses" in story.kinds()


def test_when_the_link_is_back_it_listens_first() -> None:
    story = master()
    story.feed(LinkChanged(is_up=False))

    story.feed(LinkChanged(is_up=True))

    assert isinstance(story.state.routers[0], Backup)


def test_it_resigns_and_ends_when_told_to_stop() -> None:
    story = master()

    story.feed(ShutdownAsked())
    said = [action for action in story.done if isinstance(action, actions.SendAdvertisement)]
    assert [action.priority for action in said] == [0]
    assert story.state.addressing is not None
    story.feed(StepFinished(id=story.state.addressing.id, outcome=StepOutcome(status=0)))

    assert "Stop" in story.kinds()


def answer(story: Story, status: int | None, stderr: str = "") -> None:
    """Have the command for the addresses end."""
    assert story.state.addressing is not None
    outcome = StepOutcome(status=status, stderr=stderr)
    story.feed(StepFinished(id=story.state.addressing.id, outcome=outcome))


def test_what_an_earlier_life_has_left_up_is_taken_away_at_once() -> None:
    story = Story()

    story.start()

    assert story.kinds().count("ReleaseAddresses") == 1
    answer(story, 1)  # There was none.
    story.pass_time(2 * SECOND)
    assert story.state.addressing is None


def test_addresses_that_cannot_be_put_up_are_tried_again_until_they_are() -> None:
    story = master()
    said: list[str] = []
    for _ in range(3):
        answer(story, 1, "ifconfig: no memory")
        said += [action.text for action in story.done if isinstance(action, actions.Note)]
        assert story.state.addressing is None
        story.pass_time(story.now + SECOND)
        assert "AssignAddresses" in story.kinds()

    answer(story, 0)
    story.pass_time(story.now + 5 * SECOND)

    assert story.state.addressing is None
    assert said == ["the addresses are tried again every second: ifconfig: no memory"]


def test_an_address_that_cannot_be_put_up_for_long_is_told_until_it_can() -> None:
    story = master()
    for _ in range(8):
        answer(story, 1, "ifconfig: no memory")
        story.pass_time(story.now + SECOND)

    told = describe(story.state, SETTINGS, Instant(story.now))
    assert told["headline"] == "A is Master, but its address cannot be put up"
    assert [each["kind"] for each in told["alerts"]] == ["address-missing"]

    answer(story, 0)

    assert [type(each).__name__ for each in story.done].count("ResolveAlert") == 1
    assert describe(story.state, SETTINGS, Instant(story.now))["health"] == "healthy"


def test_a_while_after_they_were_put_up_the_addresses_are_looked_at_once_more() -> None:
    """Another host may have answered for one of them (duplicate address detection)."""
    story = master()
    answer(story, 0)
    story.pass_time(story.now + 2 * SECOND)
    assert "AssignAddresses" in story.kinds()
    answer(story, 0)

    story.pass_time(story.now + 20 * SECOND)

    assert story.state.addressing is None


def test_addresses_that_are_not_known_to_be_away_are_taken_away_again() -> None:
    story = master()
    answer(story, 0)
    story.feed(advertisement(200))
    answer(story, None)

    story.pass_time(story.now + SECOND)

    assert "ReleaseAddresses" in story.kinds()


WITH_SERVICES = replace(
    SETTINGS,
    services=tuple(
        ServiceSettings(name=name, start=(name, "start"), stop=(name, "stop"))
        for name in ("first", "second")
    ),
)


def called(story: Story) -> list[str]:
    """Return the service commands that were just asked for."""
    runs = [action for action in story.done if isinstance(action, actions.RunService)]
    return [f"{run.verb.value} {run.service}" for run in runs]


def finish_call(story: Story, status: int = 0) -> list[str]:
    """Have the service command under way end, and return what is asked for next."""
    call = story.state.service_call
    assert call is not None
    story.feed(ServiceFinished(id=call.id, outcome=StepOutcome(status=status)))
    return called(story)


def test_services_that_an_earlier_life_may_have_left_running_are_stopped_at_once() -> None:
    story = Story(WITH_SERVICES)

    story.start()

    assert called(story) == ["stop second"]
    assert finish_call(story, 1) == ["stop first"]  # That it did not run is a failure to many.
    assert finish_call(story) == []
    story.feed(advertisement(200))
    assert called(story) == []
    assert not any(service.is_running for service in story.state.services)


def test_a_master_starts_nothing_before_what_an_earlier_life_left_is_stopped() -> None:
    story = Story(WITH_SERVICES)
    story.start()
    story.pass_time(4 * SECOND)
    assert router_state(story) is Master
    assert story.state.service_call is not None

    assert finish_call(story) == ["stop first"]
    assert finish_call(story) == ["start first"]
    assert finish_call(story) == ["start second"]
    assert finish_call(story) == []
    story.feed(advertisement(200))
    assert called(story) == ["stop second"]


def test_an_agent_told_to_stop_as_it_starts_stops_what_an_earlier_life_left() -> None:
    story = Story(WITH_SERVICES)
    story.start()
    story.feed(ShutdownAsked())
    answer(story, 0)

    assert finish_call(story) == ["stop first"]
    assert "Stop" not in story.kinds()
    finish_call(story)

    assert "Stop" in story.kinds()
