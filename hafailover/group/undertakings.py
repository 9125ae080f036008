"""What may a group be in the middle of? One promotion, one demotion, one letting go of the peer's copy, one pairing."""

from dataclasses import dataclass

from hafailover.group.report import HandoverToken
from hafailover.units import Instant, Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One promotion under way.

    Attributes:
        session: Names this activation in the records.
        token: Allows both copies to be labelled as identical; dropped as soon as the peer's copy cannot be had.
        is_handover: Whether it began with one: then a ggate may be in use.
        synced: Volumes whose image was fsynced after its last export ended.
        checked: Volumes whose file system fsck has just found or made clean.
        repaired: Volumes that needed the full check, with its number of runs.
        given_up: Lineages that an operator gave up by force.
        is_failover: Whether nobody asked for it: it follows a peer that has failed.
        commit_lineage: The lineage under which this copy shall be the data; empty until the commit is asked for.
        needs_off: Whether a fence device has to prove first that the peer, which is silent, is off.
        on_word: Whether an operator answers for it instead; it counts while the peer stays silent.
        keeps_peer: Whether the commit keeps the peer's copy, which is in the mirror by a token.
    """

    epoch: int
    session: str
    since: Instant
    reason: str
    token: HandoverToken | None = None
    is_handover: bool = False
    synced: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    repaired: tuple[tuple[str, int], ...] = ()
    is_committed: bool = False
    commit_lineage: str = ""
    keeps_peer: bool = False
    needs_off: bool = False
    on_word: bool = False
    is_forced: bool = False
    accepts_mixture: bool = False
    given_up: tuple[str, ...] = ()
    is_failover: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """One demotion under way.

    Attributes:
        successor: Node to which the group is handed over; empty when nobody is named.
        is_failure: Whether a failed promotion is being undone: then a hold-down follows.
        is_final: Whether this life of the agent ends with it.
        seen_identical: Volumes whose two components were seen ACTIVE with unmoved counters after the unmount.
        close_ids: The marker of this closing, by volume.
        is_forced: Whether an unmount had to be forced: then the copy is not clean.
        users_ended_at: When the last of them was ended.
        has_users_left: Whether the users of a volume could not be ended, or not for sure.
        ended_check: Id of the check of a file system that was cut short; 0 = none.
        address_stays_since: When a virtual address was first seen that had been taken away.
        storage_since: When the services were through and the storage began to be taken down.
        ended_users: Volumes whose users were ended before what they waited for was let go.
        is_isolated: Whether this node may be cut off: then the peer waits for it to stop, and the limit is short.
        gives_up: Whether the copy is given up once it was seen identical to the peer's, for a drill.
        is_local_lost: Whether this node's own copy failed: the peer's is the newest then, and is never let go.
        is_own_doubted: Whether the own copy may have failed, and nobody can look: then the peer's is not let go either.
        limit: That limit, where it is another than the one for a forced demotion; in nanoseconds.
        is_closed: Whether all is seen closed and recorded, and only the arbiter's grant is left to be given back.
        synced: Volumes whose image was fsynced after its last export ended, by the promotion that is being undone.
    """

    since: Instant
    reason: str
    successor: str = ""
    is_failure: bool = False
    is_final: bool = False
    is_forced: bool = False
    is_isolated: bool = False
    gives_up: bool = False
    is_local_lost: bool = False
    is_own_doubted: bool = False
    limit: Nanoseconds | None = None
    is_closed: bool = False
    synced: tuple[str, ...] = ()
    ended_users: tuple[str, ...] = ()
    users_ended_at: Instant | None = None
    has_users_left: bool = False
    ended_check: int = 0
    address_stays_since: Instant | None = None
    storage_since: Instant | None = None
    seen_identical: tuple[str, ...] = ()
    close_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropping:
    """The peer's copy is being let go: arbiter, records, then ``ggatec destroy -f``, then the leftovers.

    ``lineage``: under which this node goes on alone. ``is_granted``: whether the arbiter has agreed, or need not be
    asked. ``is_claimed``: whether the records say so. ``unguarded_at``: when writes were seen to complete although
    nobody had given leave, most likely since the kernel let the copy go by itself: nothing waits any more.
    """

    since: Instant
    reason: str
    lineage: str = ""
    is_granted: bool = False
    is_claimed: bool = False
    unguarded_at: Instant | None = None
    destroyed: tuple[tuple[str, int], ...] = ()
    """(volume, unit) already destroyed without looking."""
    is_failed_rebuild: bool = False
    """Whether the copy never got in sync: then the next try is put off, longer each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What is known of the peer's copy in the running mirrors.

    Attributes:
        peer_boot: Boot of the peer in which its present session began.
        units: ggate units in use, by volume: what to destroy when nothing can be observed.
        sessions: The peer's export sessions behind them.
        inserted: Volumes in whose mirror the peer's copy was seen: from then on its loss is an event of its own.
        retry_at: No new try before this.
        failures: Failed tries in a row.
        is_ordered: With ``rejoin: manual``, whether the operator gave the word.
        is_told: Whether the peer was asked to record that its copy is in sync: it may say so from then on.
    """

    peer_boot: str = ""
    units: tuple[tuple[str, int], ...] = ()
    sessions: tuple[str, ...] = ()
    inserted: tuple[str, ...] = ()
    retry_at: Instant | None = None
    failures: int = 0
    is_ordered: bool = False
    is_told: bool = False
