"""How does ``hafailover init`` give the groups their records in etcd?"""

import os

import click

from hafailover.arbiter.answers import Applied, Refused, Unknown
from hafailover.errors import EdgeError
from hafailover.runtime.settings import EtcdSettings, NodeSettings
from hafailover.setup.facts import SetupFacts
from hafailover.system.etcd_founding import create_record, first_record
from hafailover.system.host import boot_id


def found_groups(settings: NodeSettings, etcd: EtcdSettings, facts: SetupFacts) -> None:
    """Write the first record of every group whose volumes this node holds, and say so.

    Raises:
        EdgeError: A group has no record in etcd afterwards, as far as anybody knows.
    """
    for group in settings.groups:
        lineages = {
            volume.settings.name: volume.record.lineage
            for name, volume in facts.volumes
            if name == group.name and volume.record is not None
        }
        if not group.has_storage or len(lineages) < len(group.volumes):
            continue
        record = first_record(
            node=settings.node,
            boot=boot_id(os.environ),
            in_sync=(settings.node,),
            lineages=lineages,
        )
        match create_record(etcd, group.name, record):
            case Applied():
                click.echo(f"- create the record of group {group.name} in etcd")
            case Refused():
                click.echo(f"etcd has a record of group {group.name}, which is left as it is.")
            case Unknown(reason=reason):
                raise EdgeError(
                    f"etcd did not say that it took the record of group {group.name}: {reason}",
                    hint="run hafailover init again: what is done is not done twice",
                )
