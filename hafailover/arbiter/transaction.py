"""Which transaction of etcd is a request, and what does its outcome mean?

Values in the terms of etcd v3's ``Txn`` (compare, success, failure); the edge only writes them as the JSON of
``/v3/kv/txn`` (keys and values in base64), and fills the id of the lease in where ``has_lease`` says so. The range
requests of a transaction are linearizable, being part of it.
"""

from dataclasses import dataclass

from hafailover.arbiter.answers import Applied, Refused, Standing
from hafailover.arbiter.requests import ChangeStanding, ReadStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The names of a group's two keys."""

    record: str
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """The key's value is exactly ``value``; None: the key does not exist (its create_revision is 0)."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """A range request for one key."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write one key; with ``has_lease`` it is attached to the lease granted for this transaction, else to none."""

    key: str
    value: str
    has_lease: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove one key."""

    key: str


Operation = Get | Put | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """If all of ``compare`` holds, ``success`` in order, otherwise ``failure``."""

    compare: tuple[Compare, ...]
    success: tuple[Operation, ...]
    failure: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What etcd says of a transaction: which branch ran, and the (key, value) pairs that its range requests found."""

    succeeded: bool
    found: tuple[tuple[str, str], ...] = ()


def keys_of(prefix: str, group: str) -> Keys:
    """Return the keys of a group below the configured prefix."""
    return Keys(record=f"{prefix}/{group}/record", holder=f"{prefix}/{group}/holder")


def transaction(request: ReadStanding | ChangeStanding, keys: Keys) -> Transaction:
    """Return the transaction that ``request`` stands for."""
    both = (Get(key=keys.record), Get(key=keys.holder))
    if isinstance(request, ReadStanding):
        return Transaction(compare=(), success=both, failure=both)
    writes: list[Operation] = []
    if request.record_after != request.record_before:
        writes.append(Put(key=keys.record, value=request.record_after))
    if request.holder_after is None and request.holder_before is not None:
        writes.append(Delete(key=keys.holder))
    elif request.holder_after is not None and request.holder_after != request.holder_before:
        writes.append(Put(key=keys.holder, value=request.holder_after, has_lease=True))
    return Transaction(
        compare=(
            Compare(key=keys.record, value=request.record_before),
            Compare(key=keys.holder, value=request.holder_before),
        ),
        success=tuple(writes),
        failure=both,
    )


def interpret(
    request: ReadStanding | ChangeStanding, keys: Keys, outcome: Outcome, lease_ns: int = 0
) -> Applied | Refused:
    """Return what the outcome of the request's transaction answers.

    Args:
        request: What was asked.
        keys: The group's keys.
        outcome: What etcd said.
        lease_ns: The lease that was granted for it, as etcd answered it; 0 without one.
    """
    if isinstance(request, ChangeStanding) and outcome.succeeded:
        after = Standing(record=request.record_after, holder=request.holder_after)
        return Applied(standing=after, lease_ns=lease_ns)
    found = dict(outcome.found)
    standing = Standing(record=found.get(keys.record), holder=found.get(keys.holder))
    if isinstance(request, ReadStanding):
        return Applied(standing=standing)
    return Refused(standing=standing)
