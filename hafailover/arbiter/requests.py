"""What can be asked of an arbiter? Values that carry all that whoever carries them out needs.

A change of etcd is bound to both texts as they were read, byte for byte. Every text carries a nonce, so a change that
was delayed on the way, or sent twice, finds something else in force and does nothing.
"""

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What a change of etcd is for; the value is the word in history and status."""

    FOUND = "found"
    TAKE = "take"
    RETAKE = "take again"
    COMMIT = "commit"
    RENEW = "renew"
    DROP = "drop the peer"
    ADD = "add the peer"
    LEAVE = "leave the set"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStanding:
    """Read both keys of the group, linearizably. Answered by ``Applied`` or ``Unknown``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStanding:
    """Change the group's keys in one transaction if both are as they were read.

    Answered by ``Applied``, ``Refused`` or ``Unknown``, always within the arbiter's deadline.

    Attributes:
        record_before: Text of the record as it was read; None = it must not exist (only to found the group).
        record_after: Text that it gets; the same text = it is only compared.
        holder_before: Text of the holder as it was read; None = nobody may hold the grant.
        holder_after: Text that it gets; None = nobody holds the grant afterwards.
        lease_s: Time to live of the fresh lease that is granted before the transaction and attached to ``holder_after``
            (``/v3/lease/grant``, then ``/v3/kv/txn``); 0 = the holder is not written. A fresh lease for every renewal
            and never a keepalive: a grant goes through the cluster's log, and cannot come from a member that has lost
            its leadership without knowing. The lease left behind has no key and runs out by itself.
    """

    purpose: Purpose
    record_before: str | None
    record_after: str
    holder_before: str | None
    holder_after: str | None
    lease_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOff:
    """Have the fence device power ``node`` off and prove it. Answered by ``IsOff``, ``NotOff`` or ``Unknown``.

    Always answered within the device's deadline. ``IsOff`` is said only after a status of the device that said so.
    """

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOn:
    """Have the fence device power ``node`` on again; asked only after it was proved off and that was made use of.

    Answered by ``IsOn``, ``NotOff`` (it could not be done) or ``Unknown``.
    """

    node: str


Request = ReadStanding | ChangeStanding | PowerOff | PowerOn
