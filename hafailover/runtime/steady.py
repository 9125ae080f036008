"""Which steps of a group are so ordinary that the journal may forget them?

A pair at rest takes some ten steps a second and group. They are kept in memory for a while, in case
something follows; only something that stands out makes them worth the disk.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from hafailover.arbiter.answers import Answer, Applied, Standing
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding, Request
from hafailover.group.actions import (
    Action,
    AnnounceAddresses,
    ArmWatchdog,
    AskArbiter,
    AssignAddresses,
    CutStepShort,
    DisarmWatchdog,
    Note,
    Observe,
    PatWatchdog,
    PersistPause,
    Probe,
    RaiseAlert,
    ReleaseAddresses,
    Reply,
    ResetHost,
    ResolveAlert,
    RunService,
    RunStep,
    SaveDifferences,
    SendAdvertisement,
    SendReport,
    ServiceVerb,
    Stop,
    WatchCanary,
    WatchImage,
    WriteRecords,
)
from hafailover.group.events import (
    AddressChanged,
    AdvertisementAccepted,
    ArbiterAnswered,
    CanaryWritten,
    DeadlineReached,
    DifferencesSaved,
    Event,
    ImageSynced,
    LatenessSeen,
    LinkChanged,
    OperatorAsked,
    ProbeFinished,
    RecordsWritten,
    ReportReceived,
    ServiceFinished,
    ShutdownAsked,
    SignOfLife,
    Started,
    StepFinished,
    StorageObserved,
    WallClockTold,
    WatchdogArmed,
)
from hafailover.group.report import GroupReport, says_the_same
from hafailover.group.work import TEST_WRITE

if TYPE_CHECKING:
    from hafailover.storage.facts import StorageFacts
    from hafailover.vrrp.advertisement import Advertisement


class SteadyWatch:
    """Remembers what one group's events looked like last, and says which are news."""

    def __init__(self) -> None:
        self._facts: StorageFacts | None = None
        self._reports: dict[str, GroupReport] = {}
        self._advertisements: dict[int, Advertisement] = {}
        self._probe: ProbeFinished | None = None
        self._standing = Standing()
        self._can_write = True

    def is_news(self, event: Event, actions: tuple[Action, ...]) -> bool:
        """Say whether this step stands out; remembers the event either way."""
        event_is_news = self._event_is_news(event)
        return event_is_news or any(_action_is_news(action) for action in actions)

    def _event_is_news(self, event: Event) -> bool:
        match event:
            case DeadlineReached() | WallClockTold():
                return False
            case AdvertisementAccepted(family=family, advertisement=advertisement):
                known = self._advertisements.get(family)
                self._advertisements[family] = advertisement
                return advertisement != known
            case ReportReceived(network=network, report=report):
                return self._report_is_news(network, report)
            case StorageObserved(facts=facts):
                known_facts, self._facts = self._facts, _lasting(facts)
                return self._facts != known_facts
            case ProbeFinished():
                known_probe, self._probe = self._probe, replace(event, id=0)
                return self._probe != known_probe
            case CanaryWritten(problem=problem) | ImageSynced(problem=problem):
                return problem != ""
            case ServiceFinished(outcome=outcome):
                return outcome.status != 0
            case ArbiterAnswered(answer=answer):
                return self._answer_is_news(answer)
            case RecordsWritten(id=number, problem=problem):
                # The disk under the records is tested every minute: that it still takes a write is no news.
                could, self._can_write = self._can_write, not problem
                return number != TEST_WRITE or not could or not self._can_write
            case (
                Started()
                | SignOfLife()
                | StepFinished()
                | LinkChanged()
                | AddressChanged()
                | OperatorAsked()
                | DifferencesSaved()
                | ShutdownAsked()
                | LatenessSeen()
                | WatchdogArmed()
            ):
                return True

    def _answer_is_news(self, answer: Answer) -> bool:
        """A grant that was renewed, and a look that shows the same record with somebody holding it, are no news."""
        if not isinstance(answer, Applied):
            return True
        known, self._standing = self._standing, answer.standing
        is_held = answer.standing.holder is not None
        return answer.standing.record != known.record or is_held != (known.holder is not None)

    def _report_is_news(self, network: str, report: GroupReport) -> bool:
        known = self._reports.get(network)
        self._reports[network] = report
        return known is None or not says_the_same(report, known)


def _lasting(facts: "StorageFacts") -> "StorageFacts":
    """Leave out what changes from one moment to the next: whether a process sleeps or runs just now."""
    if not facts.processes:
        return facts
    return replace(facts, processes=tuple(replace(each, state="") for each in facts.processes))


def _action_is_news(action: Action) -> bool:
    match action:
        case SendReport() | Observe() | Probe() | AnnounceAddresses() | PatWatchdog():
            return False
        case SendAdvertisement(priority=priority):
            return priority == 0
        case RunService(verb=verb):
            return verb is not ServiceVerb.CHECK
        case AskArbiter(request=request):
            return not _is_routine(request)
        case (
            AssignAddresses()
            | ReleaseAddresses()
            | RunStep()
            | CutStepShort()
            | WriteRecords()
            | WatchCanary()
            | WatchImage()
            | ArmWatchdog()
            | DisarmWatchdog()
            | RaiseAlert()
            | ResolveAlert()
            | Reply()
            | PersistPause()
            | SaveDifferences()
            | ResetHost()
            | Stop()
            | Note()
        ):
            return True


def _is_routine(request: Request) -> bool:
    return isinstance(request, ReadStanding) or (
        isinstance(request, ChangeStanding) and request.purpose is Purpose.RENEW
    )
