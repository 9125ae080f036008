"""What does a group know of its arbiter? What was last answered, what is under way, and until when a grant holds."""

from dataclasses import dataclass, field
from enum import Enum

from hafailover.arbiter.answers import Standing
from hafailover.arbiter.record import ArbiterRecord, Holder
from hafailover.arbiter.requests import Request
from hafailover.units import Instant


class Watch(Enum):
    """How the host's watchdog stands for this group."""

    OFF = "off"
    ARMING = "arming"
    ARMED = "armed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Etcd's word on this group, as far as this node has it. A fence device leaves all but the first three alone.

    Attributes:
        asking: Id of the question under way; 0 = none. Only one is under way at a time.
        asked_at: When it was handed out: whatever the answer grants counts from here.
        request: The question itself.
        retry_at: No new question before this.
        silent_since: Since when no question was answered; None = the last one was.
        standing: The two texts as a majority last had them.
        seen_at: When the question that brought them was handed out.
        record: The record among them; None with the reason in ``problem``.
        holder: Who holds the grant; None = nobody.
        is_in_doubt: Whether a change was sent whose answer was lost, and that may still be made: it is over as soon as
            a later change was made, since every change is bound to the texts before it.
        renewed_at: When the last renewal that was made was handed out.
        lease_until: Until when this node's own grant holds, the drift of the clocks taken off.
        promise_until: Until when the peer has promised not to take the record, the drift taken off.
        promised_until: Until when this node has promised the same to the peer, the drift added.
        stamps: (number, when sent) of own reports, by which the peer's promise is dated.
        released_since: Since when this node has seen the group released to the other one; None = it is not.
        is_void: Whether this node serves on an operator's word that the peer is off, without a grant.
    """

    asking: int = 0
    asked_at: Instant = Instant(0)
    request: Request | None = None
    retry_at: Instant | None = None
    silent_since: Instant | None = None
    standing: Standing = field(default_factory=Standing)
    seen_at: Instant | None = None
    record: ArbiterRecord | None = None
    holder: Holder | None = None
    problem: str = ""
    is_in_doubt: bool = False
    renewed_at: Instant | None = None
    lease_until: Instant | None = None
    promise_until: Instant | None = None
    promised_until: Instant | None = None
    stamps: tuple[tuple[int, Instant], ...] = ()
    released_since: Instant | None = None
    is_void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The host's watchdog, as this group has it.

    Attributes:
        pat_until: What was last allowed.
        is_known: Whether this life of the agent has armed or disarmed it; an earlier one may have left it armed.
    """

    watch: Watch = Watch.OFF
    id: int = 0
    pat_until: Instant | None = None
    problem: str = ""
    is_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The fence device's word on the peer.

    Attributes:
        asking: Id of the question under way; 0 = none.
        request: The question itself.
        retry_at: No new question before this.
        off_boot: Boot of the peer that was proved off; empty = none was. What comes from that boot is old.
        off_at: When it was proved off.
        is_off: Whether the peer was proved off and was not heard since.
        has_to_return: Whether it is to be powered on again, once what its absence was needed for is on disk.
        failures: Questions in a row that brought no proof.
        problem: What the last of them said.
    """

    asking: int = 0
    request: Request | None = None
    retry_at: Instant | None = None
    off_boot: str = ""
    off_at: Instant | None = None
    is_off: bool = False
    has_to_return: bool = False
    failures: int = 0
    problem: str = ""
