"""Each request is one transaction, bound to what was read."""

from hafailover.arbiter.answers import Applied, Refused, Standing
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding
from hafailover.arbiter.transaction import (
    Compare,
    Delete,
    Get,
    Keys,
    Outcome,
    Put,
    Transaction,
    interpret,
    keys_of,
    transaction,
)

KEYS = keys_of("/ha", "web")
BOTH = (Get(key=KEYS.record), Get(key=KEYS.holder))


def test_keys_stand_below_the_prefix() -> None:
    assert Keys(record="/ha/web/record", holder="/ha/web/holder") == KEYS


def test_taking_needs_the_record_as_it_was_read_and_nobody_holding() -> None:
    take = ChangeStanding(
        purpose=Purpose.TAKE,
        record_before="r1",
        record_after="r2",
        holder_before=None,
        holder_after="h2",
        lease_s=10,
    )

    assert transaction(take, KEYS) == Transaction(
        compare=(Compare(key=KEYS.record, value="r1"), Compare(key=KEYS.holder, value=None)),
        success=(
            Put(key=KEYS.record, value="r2"),
            Put(key=KEYS.holder, value="h2", has_lease=True),
        ),
        failure=BOTH,
    )


def test_renewing_only_compares_the_record() -> None:
    renew = ChangeStanding(
        purpose=Purpose.RENEW,
        record_before="r2",
        record_after="r2",
        holder_before="h2",
        holder_after="h3",
        lease_s=10,
    )

    assert transaction(renew, KEYS) == Transaction(
        compare=(Compare(key=KEYS.record, value="r2"), Compare(key=KEYS.holder, value="h2")),
        success=(Put(key=KEYS.holder, value="h3", has_lease=True),),
        failure=BOTH,
    )


def test_a_change_of_the_record_leaves_the_holder_with_its_lease() -> None:
    drop = ChangeStanding(
        purpose=Purpose.DROP,
        record_before="r2",
        record_after="r3",
        holder_before="h3",
        holder_after="h3",
    )

    assert transaction(drop, KEYS).success == (Put(key=KEYS.record, value="r3"),)


def test_releasing_removes_the_holder() -> None:
    release = ChangeStanding(
        purpose=Purpose.RELEASE,
        record_before="r3",
        record_after="r4",
        holder_before="h3",
        holder_after=None,
    )

    assert transaction(release, KEYS).success == (
        Put(key=KEYS.record, value="r4"),
        Delete(key=KEYS.holder),
    )


def test_a_group_is_founded_only_where_there_is_none() -> None:
    found = ChangeStanding(
        purpose=Purpose.FOUND,
        record_before=None,
        record_after="r1",
        holder_before=None,
        holder_after=None,
    )

    assert transaction(found, KEYS) == Transaction(
        compare=(Compare(key=KEYS.record, value=None), Compare(key=KEYS.holder, value=None)),
        success=(Put(key=KEYS.record, value="r1"),),
        failure=BOTH,
    )


def test_reading_gets_both_keys() -> None:
    asked = transaction(ReadStanding(), KEYS)

    assert asked == Transaction(compare=(), success=BOTH, failure=BOTH)
    assert interpret(
        ReadStanding(), KEYS, Outcome(succeeded=True, found=((KEYS.record, "r1"),))
    ) == Applied(standing=Standing(record="r1", holder=None))


def test_what_was_applied_is_known_and_what_was_refused_says_what_is_in_force() -> None:
    renew = ChangeStanding(
        purpose=Purpose.RENEW,
        record_before="r2",
        record_after="r2",
        holder_before="h2",
        holder_after="h3",
        lease_s=10,
    )
    found = ((KEYS.record, "r9"), (KEYS.holder, "h9"))

    assert interpret(renew, KEYS, Outcome(succeeded=True), lease_ns=5) == Applied(
        standing=Standing(record="r2", holder="h3"), lease_ns=5
    )
    assert interpret(renew, KEYS, Outcome(succeeded=False, found=found), lease_ns=5) == Refused(
        standing=Standing(record="r9", holder="h9")
    )
