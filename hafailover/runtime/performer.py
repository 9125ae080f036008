"""Which call of which port is an action?"""

from hafailover.group.actions import (
    Action,
    AnnounceAddresses,
    AskArbiter,
    AssignAddresses,
    Note,
    Observe,
    PersistPause,
    Probe,
    RaiseAlert,
    ReleaseAddresses,
    Reply,
    ResetHost,
    ResolveAlert,
    RunService,
    RunStep,
    SendAdvertisement,
    SendReport,
    Stop,
    WatchCanary,
    WatchImage,
    WriteRecords,
)
from hafailover.runtime.ports import Ports

_Network = SendAdvertisement | AssignAddresses | ReleaseAddresses | AnnounceAddresses | SendReport
_Storage = Observe | RunStep | WriteRecords | PersistPause | WatchCanary | WatchImage
_Others = (
    AskArbiter | Probe | RunService | RaiseAlert | ResolveAlert | Reply | ResetHost | Stop | Note
)


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
        case Observe() | RunStep() | WriteRecords() | PersistPause() | WatchCanary() | WatchImage():
            _perform_storage(ports, group, action)
        case (
            AskArbiter()
            | Probe()
            | RunService()
            | RaiseAlert()
            | ResolveAlert()
            | Reply()
            | ResetHost()
            | Stop()
            | Note()
        ):
            _perform_others(ports, group, action)


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
        case Observe(id=look_id, images=images, openers_of=openers_of):
            ports.observer.observe(group, look_id, images, openers_of)
        case RunStep(id=step_id, step=step):
            ports.steps.run(group, step_id, step)
        case WriteRecords(id=write_id, records=records):
            ports.records.write(group, write_id, records)
        case PersistPause(until_wall=until_wall, reason=reason):
            ports.records.persist_pause(group, until_wall, reason)
        case WatchCanary(volume=volume, mount_point=mount_point, is_on=is_on):
            ports.watchers.watch_canary(group, volume, mount_point, is_on=is_on)
        case WatchImage(volume=volume, image=image, is_on=is_on):
            ports.watchers.watch_image(group, volume, image, is_on=is_on)


def _perform_others(ports: Ports, group: str, action: _Others) -> None:
    match action:
        case AskArbiter(id=request_id, verb=verb, epoch=epoch, nonce=nonce):
            ports.arbiter.ask(group, request_id, verb, epoch, nonce)
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
        case ResetHost(reason=reason):
            ports.host.reset(group, reason)
        case Stop():
            ports.host.stop(group)
        case Note(text=text):
            ports.alerts.note(group, text)
