"""How does a request to the arbiter reach etcd, and what comes back, whatever gets lost on the way?

The lease is granted first, the transaction follows, both within the one deadline. The gateway below
may have sent the transaction twice; every text carries a nonce of its own, so a transaction that
failed its comparison and yet finds exactly its own texts in force was carried out the first time.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hafailover.arbiter.answers import Answer, Applied, Refused, Standing, Unknown
from hafailover.arbiter.requests import ChangeStanding, ReadStanding, Request
from hafailover.arbiter.transaction import interpret, keys_of, transaction
from hafailover.group.events import ArbiterAnswered, Event
from hafailover.system.etcd_client import EtcdClient, Lease
from hafailover.system.etcd_gateway import EtcdRefusedError, EtcdUnknownError
from hafailover.units import Nanoseconds

NO_LEASE: Final = Lease(id=0, ttl_ns=0)


async def ask_etcd(
    client: EtcdClient,
    prefix: str,
    group: str,
    request: ReadStanding | ChangeStanding,
    deadline_s: float,
) -> Applied | Refused | Unknown:
    """Carry a request out within the deadline; never raises what the network or the cluster does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    keys = keys_of(prefix, group)
    try:
        lease = NO_LEASE
        if isinstance(request, ChangeStanding) and request.lease_s:
            # Half of the time: a lease without its transaction is worth nothing.
            lease = await client.grant(request.lease_s, deadline_s / 2)
        words = transaction(request, keys)
        outcome = await client.commit(words, lease.id, max(0.0, end - loop.time()))
    except (EtcdRefusedError, EtcdUnknownError) as error:
        return Unknown(reason=str(error))
    answer = interpret(request, keys, outcome, lease.ttl_ns)
    if isinstance(request, ChangeStanding) and isinstance(answer, Refused):
        after = Standing(record=request.record_after, holder=request.holder_after)
        if answer.standing == after:
            return Applied(standing=after, lease_ns=lease.ttl_ns)
    return answer


class EtcdArbiter:
    """The arbiter port over etcd."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: EtcdClient,
        *,
        prefix: str,
        deadline: Nanoseconds,
        feed: Callable[[str, Event], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._prefix = prefix
        self._deadline_s = deadline / 1e9
        self._feed = feed
        self._asking: set[asyncio.Task[Answer]] = set()

    def ask(self, group: str, request_id: int, request: Request) -> None:
        """Ask etcd; answered within the deadline."""
        assert isinstance(request, ReadStanding | ChangeStanding), request  # noqa: S101
        task: asyncio.Task[Answer] = self._loop.create_task(
            ask_etcd(self._client, self._prefix, group, request, self._deadline_s)
        )
        self._asking.add(task)
        task.add_done_callback(lambda done: self._answer(group, request_id, done))

    async def close(self) -> None:
        """Give up on what is asked, and close the connections."""
        for task in tuple(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        self._client.gateway.close()

    def _answer(self, group: str, request_id: int, task: asyncio.Task[Answer]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            # A programming error is raised here, where the loop hands it to the agent.
            self._feed(group, ArbiterAnswered(id=request_id, answer=task.result()))
