"""Which arbiter and which watchdog does the configuration name? Only what it names is loaded."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from hafailover.config.arithmetic import effective_watchdog
from hafailover.group.events import Event
from hafailover.runtime.ports import Arbiter, Watchdog
from hafailover.runtime.settings import NodeSettings
from hafailover.system.abandoned import armed_mark
from hafailover.system.plain_ports import NoArbiter, NoWatchdog
from hafailover.system.runner import Runner
from hafailover.units import Nanoseconds

Feed = Callable[[str, Event], None]


class ArbiterEdge(Arbiter, Protocol):
    """The arbiter port, and its end."""

    async def close(self) -> None:
        """Give up on what is asked."""
        ...


class WatchdogEdge(Watchdog, Protocol):
    """The watchdog port, and its end."""

    def close(self) -> None:
        """End the patting."""
        ...


def arbiter_for(
    settings: NodeSettings, loop: asyncio.AbstractEventLoop, runner: Runner, feed: Feed
) -> ArbiterEdge:
    """Return the arbiter that the groups ask.

    Raises:
        HaFailoverError: A certificate, a key or a password cannot be read.
    """
    if settings.etcd is not None:
        from hafailover.system.etcd_arbiter import EtcdArbiter  # noqa: PLC0415
        from hafailover.system.etcd_opening import open_etcd  # noqa: PLC0415

        return EtcdArbiter(
            loop,
            open_etcd(settings.etcd),
            prefix=settings.etcd.prefix,
            deadline=settings.etcd.deadline,
            feed=feed,
        )
    if settings.fence is not None:
        from hafailover.system.fence_agent import FenceAgent  # noqa: PLC0415
        from hafailover.system.fence_arbiter import FenceArbiter  # noqa: PLC0415

        return FenceArbiter(loop, FenceAgent(runner, settings.fence), feed)
    return NoArbiter()


def watchdog_for(
    settings: NodeSettings,
    loop: asyncio.AbstractEventLoop,
    environment: Mapping[str, str],
    *,
    feed: Feed,
    say: Callable[[str], None],
) -> WatchdogEdge:
    """Return the watchdog that guards the groups' grants.

    One that an earlier life armed and that is not wanted any more is switched off: nobody would pat it.
    """
    mark = armed_mark(settings.paths)
    is_wanted = settings.etcd is not None and settings.watchdog_timeout > 0
    # Without etcd nothing limits what an earlier life left up for its grant: then the host is better reset.
    if not is_wanted and (settings.etcd is None or not mark.exists()):
        return NoWatchdog()
    from hafailover.system.watchdog_device import find_watchdog  # noqa: PLC0415
    from hafailover.system.watchdog_port import WatchdogPort  # noqa: PLC0415

    port = WatchdogPort(
        loop,
        find_watchdog(environment),
        span=Nanoseconds(effective_watchdog(settings.watchdog_timeout) if is_wanted else 0),
        groups=[group.name for group in settings.groups if group.has_storage and is_wanted],
        mark=mark,
        feed=feed,
        say=say,
    )
    if not is_wanted:
        port.disarm("")
    return port
