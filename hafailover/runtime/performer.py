"""Which call of which port is an action?"""

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
    Stop,
    WatchCanary,
    WatchImage,
    WriteRecords,
)
from hafailover.runtime.ports import Ports

_Network = SendAdvertisement | AssignAddresses | ReleaseAddresses | AnnounceAddresses | SendReport
_Storage = (
    Observe
    | RunStep
    | CutStepShort
    | WriteRecords
    | PersistPause
    | SaveDifferences
    | WatchCanary
    | WatchImage
)
_Host = ArmWatchdog | PatWatchdog | DisarmWatchdog | ResetHost | Stop
_Others = AskArbiter | Probe | RunService | RaiseAlert | ResolveAlert | Reply | Note


def perform(ports: Ports, group: str, action: Action) -> None:
    """Hand one action to the port that it belongs to; returns at once."""
    match action:
        case (
            SendAdvertisement()
            | AssignAddresses()
            | ReleaseAddresses()
            | AnnounceAddresses()
            | SendReport()
        ):
            _perform_network(ports, group, action)
        case (
            Observe()
            | RunStep()
            | CutStepShort()
            | WriteRecords()
            | PersistPause()
            | SaveDifferences()
            | WatchCanary()
            | WatchImage()
        ):
            _perform_storage(ports, group, action)
        case (
            AskArbiter() | Probe() | RunService() | RaiseAlert() | ResolveAlert() | Reply() | Note()
        ):
            _perform_others(ports, group, action)
        case ArmWatchdog() | PatWatchdog() | DisarmWatchdog() | ResetHost() | Stop():
            _perform_host(ports, group, action)


def _perform_network(ports: Ports, group: str, action: _Network) -> None:
    match action:
        case SendAdvertisement(family=family, priority=priority):
            ports.wire.send_advertisement(group, family, priority)
        case AssignAddresses(id=step_id):
            ports.addresses.assign(group, step_id)
        case ReleaseAddresses(id=step_id):
            ports.addresses.release(group, step_id)
        case AnnounceAddresses():
            ports.announcer.announce(group)
        case SendReport(report=report):
            ports.peer.send(group, report)


def _perform_storage(ports: Ports, group: str, action: _Storage) -> None:
    match action:
        case Observe():
            ports.observer.observe(group, action)
        case RunStep(id=step_id, step=step):
            ports.steps.run(group, step_id, step)
        case CutStepShort(id=step_id):
            ports.steps.cut_short(group, step_id)
        case WriteRecords(id=write_id, records=records):
            ports.records.write(group, write_id, records)
        case PersistPause(until_wall=until_wall, reason=reason):
            ports.records.persist_pause(group, until_wall, reason)
        case SaveDifferences(id=save_id, reason=reason):
            ports.differences.save(group, save_id, reason)
        case WatchCanary(volume=volume, mount_point=mount_point, is_on=is_on):
            ports.watchers.watch_canary(group, volume, mount_point, is_on=is_on)
        case WatchImage(volume=volume, image=image, is_on=is_on):
            ports.watchers.watch_image(group, volume, image, is_on=is_on)


def _perform_others(ports: Ports, group: str, action: _Others) -> None:
    match action:
        case AskArbiter(id=request_id, request=request):
            ports.arbiter.ask(group, request_id, request)
        case Probe(id=probe_id):
            ports.prober.probe(group, probe_id)
        case RunService(id=run_id, service=service, verb=service_verb):
            ports.services.run(group, run_id, service, service_verb)
        case RaiseAlert(kind=kind, severity=severity, text=text):
            ports.alerts.raise_alert(group, kind, severity, text)
        case ResolveAlert(kind=kind, text=text):
            ports.alerts.resolve_alert(group, kind, text)
        case Reply(id=order_id, accepted=accepted, text=text):
            ports.operators.reply(group, order_id, text, accepted=accepted)
        case Note(text=text):
            ports.alerts.note(group, text)


def _perform_host(ports: Ports, group: str, action: _Host) -> None:
    match action:
        case ArmWatchdog(id=arm_id, pat_until=pat_until):
            ports.watchdog.arm(group, arm_id, pat_until)
        case PatWatchdog(pat_until=pat_until):
            ports.watchdog.allow(group, pat_until)
        case DisarmWatchdog():
            ports.watchdog.disarm(group)
        case ResetHost(reason=reason):
            ports.host.reset(group, reason)
        case Stop():
            ports.host.stop(group)
