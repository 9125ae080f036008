"""What do the configured arbiter and watchdog look like to ``hafailover check``?

Etcd is read, and asked for a lease that is given back at once; of a fence device only the status of
both nodes is asked. Nothing that counts is changed.
"""

import os

from hafailover.arbiter.answers import Applied
from hafailover.arbiter.requests import ReadStanding
from hafailover.config.arbiter_facts import ArbiterFacts, EtcdFacts, FenceFacts
from hafailover.errors import HaFailoverError
from hafailover.runtime.settings import EtcdSettings, FenceAgentSettings, NodeSettings
from hafailover.system.runner import Runner
from hafailover.system.watchdog_device import FIDO, SOCKET_VARIABLE
from hafailover.units import SECOND, seconds

_PATIENCE_S = 3.0
_FENCE_DEADLINE = seconds(10)


async def look_at_arbiter(settings: NodeSettings, runner: Runner) -> ArbiterFacts:
    """Return what can be seen of whatever the configuration names."""
    return ArbiterFacts(
        etcd=await _look_at_etcd(settings.etcd, settings) if settings.etcd else None,
        fence=await _look_at_fence(settings.fence, settings, runner) if settings.fence else None,
        has_watchdog=FIDO.exists() or SOCKET_VARIABLE in os.environ,
    )


async def _look_at_etcd(etcd: EtcdSettings, settings: NodeSettings) -> EtcdFacts:
    from hafailover.system.etcd_arbiter import ask_etcd  # noqa: PLC0415
    from hafailover.system.etcd_gateway import EtcdRefusedError, EtcdUnknownError  # noqa: PLC0415
    from hafailover.system.etcd_opening import open_etcd  # noqa: PLC0415

    try:
        client = open_etcd(etcd)
    except HaFailoverError as error:
        return EtcdFacts(problem=f"{error.message} ({error.hint})" if error.hint else error.message)
    records: dict[str, str | None] = {}
    try:
        status = await client.status(_PATIENCE_S)
        for group in settings.groups:
            if not group.has_storage:
                continue
            answer = await ask_etcd(client, etcd.prefix, group.name, ReadStanding(), _PATIENCE_S)
            if not isinstance(answer, Applied):
                return EtcdFacts(problem=str(getattr(answer, "reason", answer)))
            records[group.name] = answer.standing.record
        asked = max(group.lease.lease for group in settings.groups) // SECOND
        lease = await client.grant(asked, _PATIENCE_S)
        await client.revoke(lease.id, _PATIENCE_S)
    except (EtcdRefusedError, EtcdUnknownError) as error:
        return EtcdFacts(problem=str(error))
    finally:
        client.gateway.close()
    return EtcdFacts(
        version=status.version,
        database_bytes=status.database_bytes,
        is_open_to_all=client.gateway.is_open_to_all,
        lease_ns=lease.ttl_ns,
        records=records,
    )


async def _look_at_fence(
    fence: FenceAgentSettings, settings: NodeSettings, runner: Runner
) -> FenceFacts:
    from hafailover.system.fence_agent import FenceAgent  # noqa: PLC0415

    agent = FenceAgent(runner, fence)
    said = {}
    for node in (settings.node, settings.peer):
        power, words = await agent.status(node, _FENCE_DEADLINE)
        said[node] = (power.value, words)
    return FenceFacts(said=said)
