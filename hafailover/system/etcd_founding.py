"""How does a group get its record in etcd, once, before anybody may be granted anything?"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Final

from hafailover.arbiter.answers import Applied, Refused, Unknown
from hafailover.arbiter.record import ArbiterRecord, Change, Phase, encode_record
from hafailover.arbiter.requests import ChangeStanding, Purpose
from hafailover.runtime.settings import EtcdSettings
from hafailover.system.etcd_arbiter import ask_etcd
from hafailover.system.etcd_opening import open_etcd

DEADLINE_S: Final = 5.0


def first_record(
    *, node: str, boot: str, in_sync: Sequence[str], lineages: Mapping[str, str]
) -> ArbiterRecord:
    """Return the record of a group that has never been granted to anybody.

    Args:
        node: Who founds it.
        boot: The founder's boot id.
        in_sync: The nodes whose copies are identical and complete.
        lineages: By volume, the lineage id of those copies.
    """
    return ArbiterRecord(
        epoch=0,
        in_sync=tuple(sorted(in_sync)),
        lineages=tuple(sorted(lineages.items())),
        phase=Phase.IDLE,
        changed=Change(node=node, boot=boot, nonce=os.urandom(8).hex()),
    )


def create_record(
    settings: EtcdSettings, group: str, record: ArbiterRecord
) -> Applied | Refused | Unknown:
    """Write a group's first record, if it has none: ``Refused`` carries the one that it has.

    A record that is there is never overwritten: it may say that one copy is older than it looks.

    Raises:
        HaFailoverError: A certificate, a key or a password cannot be read.
    """
    client = open_etcd(settings)
    request = ChangeStanding(
        purpose=Purpose.FOUND,
        record_before=None,
        record_after=encode_record(record),
        holder_before=None,
        holder_after=None,
    )

    async def ask() -> Applied | Refused | Unknown:
        try:
            return await ask_etcd(client, settings.prefix, group, request, DEADLINE_S)
        finally:
            client.gateway.close()

    return asyncio.run(ask())
