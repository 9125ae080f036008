"""``hafailover export-image``: a copy of a volume for a host without hafailover."""

import json
import os
import platform
from pathlib import Path
from typing import Final

import click

from hafailover.cli.run import refuse_wrong_host
from hafailover.config.load import load
from hafailover.config.place import DEFAULT_PATH
from hafailover.lineage.record import CopyState
from hafailover.setup.facts import SetupFacts, VolumeFacts

JSON_VERSION: Final = 1


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="HAFAILOVER_CONFIG",
    help="The configuration file.",
)
@click.option("--node", envvar="HAFAILOVER_NODE", help="Which of the nodes this host is.")
@click.option(
    "--although-stale",
    is_flag=True,
    help="What the other node has written since it went on alone may be missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.argument("volume")
@click.argument("file", type=click.Path(path_type=Path))
def export_image(
    config: Path,
    node: str | None,
    volume: str,
    file: Path,
    *,
    although_stale: bool,
    as_json: bool,
) -> None:
    """Copy this node's image of VOLUME to FILE, for a host without hafailover.

    The agent must not run here. While the other node goes on serving, a copy counts as stale from the
    moment of the stop, and takes --although-stale: it is what a power cut at that moment would have
    left, and fsck_ffs brings it in order. The other node has no second copy until the agent is started
    here again.
    """
    settings = load(config, node)
    refuse_wrong_host(settings, os.environ, platform.system())
    # Imported only now: a refusal, or --help, should not cost the start of everything.
    from hafailover.cli.setting_up import Setup, show_progress  # noqa: PLC0415
    from hafailover.system.image_export import copy_image, export_refusal  # noqa: PLC0415
    from hafailover.system.setup_run import SetupRefusedError  # noqa: PLC0415

    with Setup(settings) as setup:
        facts = setup.look()
        found = _volume(facts, volume)
        refused = export_refusal(found, facts.storage, although_stale=although_stale)
        if refused is not None:
            raise SetupRefusedError(refused.text, hint=refused.remedy)
        size = found.settings.size_bytes
        digest = copy_image(Path(found.settings.image), file, size, show_progress)
    block = found.content.superblock if found.content is not None else None
    is_clean = block is not None and block.is_clean
    copy = found.record.copy.value if found.record is not None else ""
    if as_json:
        document = {
            "schema": JSON_VERSION,
            "file": str(file),
            "volume": volume,
            "size_bytes": size,
            "sha256": digest,
            "clean": is_clean,
            "copy": copy,
        }
        click.echo(json.dumps(document, indent=2))
        return
    state = "clean" if is_clean else "not clean: fsck_ffs first"
    click.echo(f"{file}: {size} bytes, SHA-256 {digest}")
    if copy == CopyState.STALE.value:
        click.echo(
            "The other node has gone on since: what was written after the stop is not in it."
        )
    click.echo(f"The file system on it is {state}. How to use it: docs/emergency.md")


def _volume(facts: SetupFacts, name: str) -> VolumeFacts:
    named = [each for _, each in facts.volumes if each.settings.name == name]
    if len(named) != 1:
        known = ", ".join(each.settings.name for _, each in facts.volumes)
        raise click.UsageError(f"which volume? {name!r} is none of: {known}")
    return named[0]
