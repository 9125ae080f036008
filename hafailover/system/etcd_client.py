"""What is asked of etcd v3, in the words of its JSON gateway (``rpc.proto``, keys and values in base64)?"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hafailover.arbiter.transaction import (
    Compare,
    Delete,
    Get,
    Operation,
    Outcome,
    Put,
    Transaction,
)
from hafailover.system.etcd_gateway import (
    EtcdGateway,
    EtcdRefusedError,
    EtcdUnknownError,
    Refusal,
)
from hafailover.units import SECOND

_LEASE_BITS: Final = 62
"""A lease's number is a positive int64; drawn at random, it meets no other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was granted."""

    id: int
    ttl_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """What one member says of itself and of its cluster."""

    version: str
    has_leader: bool
    database_bytes: int


class EtcdClient:
    """The few requests that an arbiter needs; every one may be repeated by the gateway below it."""

    def __init__(self, gateway: EtcdGateway) -> None:
        self.gateway = gateway

    async def grant(self, seconds: int, deadline_s: float) -> Lease:
        """Return a new lease of at least so many seconds.

        Raises:
            EtcdRefusedError: The cluster said no.
            EtcdUnknownError: No answer in time.
        """
        number = secrets.randbits(_LEASE_BITS) | 1
        words = {"ID": str(number), "TTL": str(seconds)}
        try:
            answer = await self.gateway.call("/v3/lease/grant", words, deadline_s)
        except EtcdRefusedError as error:
            if error.kind is not Refusal.EXISTS:
                raise
            # It was granted the first time, and that answer was lost.
            return Lease(id=number, ttl_ns=seconds * SECOND)
        return Lease(id=number, ttl_ns=_number(answer, "TTL") * SECOND)

    async def revoke(self, lease: int, deadline_s: float) -> None:
        """End a lease, and every key that is attached to it; it may be gone already.

        Raises:
            EtcdRefusedError: The cluster said no.
            EtcdUnknownError: No answer in time.
        """
        try:
            await self.gateway.call("/v3/lease/revoke", {"ID": str(lease)}, deadline_s)
        except EtcdRefusedError as error:
            if error.kind is not Refusal.ABSENT:
                raise

    async def commit(self, transaction: Transaction, lease: int, deadline_s: float) -> Outcome:
        """Carry out a transaction, linearizably; ``lease`` is for what ``has_lease``.

        A repeated one finds its own work done: ``succeeded`` is False then, and what was found tells.

        Raises:
            EtcdRefusedError: The cluster said no, such as to a lease that has run out.
            EtcdUnknownError: No answer in time.
        """
        words = {
            "compare": [_compare(each) for each in transaction.compare],
            "success": [_operation(each, lease) for each in transaction.success],
            "failure": [_operation(each, lease) for each in transaction.failure],
        }
        answer = await self.gateway.call("/v3/kv/txn", words, deadline_s)
        succeeded = answer.get("succeeded") is True
        responses = answer.get("responses", [])
        operations = transaction.success if succeeded else transaction.failure
        if not isinstance(responses, list) or len(responses) != len(operations):
            # Not of etcd, or cut short: that nothing was found must not be read into it.
            raise EtcdUnknownError("the answer does not tell what became of each operation")
        return Outcome(succeeded=succeeded, found=tuple(_found(answer)))

    async def status(self, deadline_s: float) -> ClusterStatus:
        """Return what a member says of itself.

        Raises:
            EtcdRefusedError: It said no.
            EtcdUnknownError: No member answered in time.
        """
        answer = await self.gateway.call("/v3/maintenance/status", {}, deadline_s)
        return ClusterStatus(
            version=str(answer.get("version", "")),
            has_leader=str(answer.get("leader", "0")) != "0",
            database_bytes=_number(answer, "dbSize"),
        )


def _text(value: str) -> str:
    return b64encode(value.encode()).decode("ascii")


def _compare(compare: Compare) -> dict[str, Any]:
    words: dict[str, Any] = {"key": _text(compare.key), "result": "EQUAL"}
    if compare.value is None:
        return {**words, "target": "CREATE", "create_revision": "0"}
    return {**words, "target": "VALUE", "value": _text(compare.value)}


def _operation(operation: Operation, lease: int) -> dict[str, Any]:
    match operation:
        case Get(key=key):
            return {"request_range": {"key": _text(key)}}
        case Put(key=key, value=value, has_lease=has_lease):
            words = {"key": _text(key), "value": _text(value)}
            return {"request_put": {**words, "lease": str(lease)} if has_lease else words}
        case Delete(key=key):
            return {"request_delete_range": {"key": _text(key)}}


def _found(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pairs that an answer's range responses hold."""
    try:
        for response in answer.get("responses", ()):
            for pair in response.get("response_range", {}).get("kvs", ()):
                # An empty value is left out of the JSON.
                yield _plain(pair["key"]), _plain(pair.get("value", ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        text = f"the answer is not understood: {type(error).__name__}: {error}"
        raise EtcdUnknownError(text) from error


def _plain(text: str) -> str:
    # What is no UTF-8 becomes a text that no agent has written, and is refused as such.
    return b64decode(text, validate=True).decode("utf-8", "backslashreplace")


def _number(answer: Mapping[str, Any], key: str) -> int:
    """Return an int64, which JSON carries as text; one that is 0 is left out."""
    try:
        return int(answer.get(key, 0))
    except (TypeError, ValueError) as error:
        raise EtcdUnknownError(f"{key} is no number") from error
