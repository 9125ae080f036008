"""Runs one virtual router in the event loop: the machine in the middle, sockets around it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hafailover.errors import EdgeError
from hafailover.system.advert_receiver import AdvertReceiver
from hafailover.system.advert_socket import AdvertSocket, Received
from hafailover.system.frame_set import FrameSet
from hafailover.units import SECOND, Instant
from hafailover.vrrp import announcement, machine, states
from hafailover.vrrp.acceptance import Accepted, Ignored, IgnoredReason, accept
from hafailover.vrrp.actions import (
    Action,
    BecameBackup,
    BecameInitialize,
    BecameMaster,
    CompetingMaster,
    MasterDown,
    Reannounce,
    SendAdvertisement,
)
from hafailover.vrrp.advertisement import Advertisement, Malformed
from hafailover.vrrp.announcement import Quiet, Round, Schedule
from hafailover.vrrp.events import AdvertisementAccepted, DeadlineReached, Event
from hafailover.vrrp.settings import AnnounceSettings, RouterSettings


class VirtualAddresses(Protocol):
    """The virtual addresses of one router on its interface."""

    def assign(self) -> None:
        """Put all of them on."""
        ...

    def release(self) -> None:
        """Take all of them off; those that are not there are no error."""
        ...


class Announcer(Protocol):
    """Sends Ethernet frames on the interface."""

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send them."""
        ...


class Watcher(Protocol):
    """Who wants to know what the router does."""

    def acted(self, action: Action, now: Instant) -> None:
        """Take note of an action that was performed."""
        ...

    def accepted(self, received: Received, advertisement: Advertisement) -> None:
        """Take note of a message that counts."""
        ...

    def ignored(self, verdict: Ignored) -> None:
        """Take note of a message that does not count."""
        ...

    def failed(self, error: EdgeError) -> None:
        """Take note of what the system refused."""
        ...


def monotonic() -> Instant:
    """Return the present instant."""
    return Instant(time.monotonic_ns())


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterEdges:
    """What stands between a virtual router and the world."""

    wire: AdvertSocket
    receiver: AdvertReceiver
    addresses: VirtualAddresses
    announcer: Announcer
    watcher: Watcher


class VirtualRouter:
    """One virtual router of one address family; everything happens in the thread of the loop."""

    def __init__(
        self,
        *,
        settings: RouterSettings,
        announce: AnnounceSettings,
        frames: FrameSet,
        edges: RouterEdges,
        now: Callable[[], Instant] = monotonic,
    ) -> None:
        """Prepare the router; it does nothing until it is fed ``Startup``."""
        self.settings = settings
        self.state: states.State = machine.initial(settings)
        self.ignored: Counter[IgnoredReason] = Counter()
        self._announce = announce
        self._frames = frames
        self._edges = edges
        self._now = now
        self._schedule: Schedule = Quiet()
        self._timer: asyncio.TimerHandle | None = None
        edges.receiver.listen(settings.vrid, self)

    def feed(self, event: Event) -> None:
        """Let something happen to the router."""
        self._feed(event, self._now())
        self._set_timer()

    def hear(self, found: Advertisement | Malformed, received: Received) -> None:
        """Take note of a message for this VRID."""
        verdict = accept(self.settings, found)
        match verdict:
            case Accepted(advertisement=advertisement):
                self.feed(AdvertisementAccepted(advertisement=advertisement))
                self._edges.watcher.accepted(received, advertisement)
            case Ignored(reason=reason):
                self.ignored[reason] += 1
                self._edges.watcher.ignored(verdict)

    def stop_timer(self) -> None:
        """Let no deadline come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _feed(self, event: Event, now: Instant) -> None:
        taken = machine.step(self.state, event, now, self.settings)
        self.state = taken.state
        for action in taken.actions:
            try:
                self._perform(action, now)
            except EdgeError as error:
                # One refusal must not keep the rest from being done: above all not the release.
                self._edges.watcher.failed(error)
            self._edges.watcher.acted(action, now)

    def _perform(self, action: Action, now: Instant) -> None:
        match action:
            case SendAdvertisement(priority=priority):
                frames = self._frames.with_priority(priority)
                assert frames, f"priority {priority} was not ordered"  # noqa: S101
                for frame in frames:
                    self._edges.wire.send(frame)
            case BecameMaster():
                try:
                    self._edges.addresses.assign()
                finally:
                    self._follow(announcement.began(self._announce, now))
            case BecameBackup() | BecameInitialize():
                self._schedule = Quiet()
                self._edges.addresses.release()
            case Reannounce():
                self._follow(announcement.repeated(self._schedule, self._announce, now))
            case MasterDown() | CompetingMaster():
                # For the watcher only.
                pass

    def _follow(self, round_: Round) -> None:
        self._schedule = round_.schedule
        if round_.send:
            self._edges.announcer.send(self._frames.announcements)

    def _deadline(self) -> Instant | None:
        times = (machine.deadline(self.state), announcement.deadline(self._schedule))
        return min((time for time in times if time is not None), default=None)

    def _set_timer(self) -> None:
        self.stop_timer()
        at = self._deadline()
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(at / SECOND, self._on_time, at)

    def _on_time(self, at: Instant) -> None:
        # What has arrived meanwhile came before the deadline, as far as anybody can tell.
        self._edges.receiver.read()
        # A loop may wake up some nanoseconds early by its own clock's resolution.
        now = max(at, self._now())
        due = machine.deadline(self.state)
        if due is not None and due <= now:
            self._feed(DeadlineReached(), now)
        try:
            self._follow(announcement.due(self._schedule, self._announce, now))
        except EdgeError as error:
            self._edges.watcher.failed(error)
        self._set_timer()
