"""``hafailover divergence``: what do the two copies of a group not have in common?"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.divergence_files import lines, named
from hafailover.cli.reaching import reaching_options, socket_path, state_path
from hafailover.errors import HaFailoverError, NotPermittedError, RequestRefusedError
from hafailover.system.control_client import STATUS_S, ControlClient
from hafailover.system.kept_file import SUFFIX, KeptFileError, describe
from hafailover.system.putting_back import NotACopyError, put_back

_SHOWN: Final = 5


@click.command()
@reaching_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--kept", is_flag=True, help="List what was kept of discarded copies on this node.")
@click.option(
    "--put-back",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Write what this file keeps over the image given with --onto.",
)
@click.option(
    "--onto",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A copy of an image, made for this; an image of this node is refused.",
)
@click.argument("group", required=False)
def divergence(
    config: Path,
    socket: Path | None,
    group: str | None,
    *,
    as_json: bool,
    kept: bool,
    put_back: Path | None,
    onto: Path | None,
) -> int:
    """Compare the copies of GROUP on the two nodes, block by block, and name the files that differ.

    Only hashes and names travel, both images are only read, and that slowly. While a volume is in use, what is
    written during the comparison counts as different, and so may blocks that no file uses any more. The
    files are looked up in the images themselves; nothing is mounted.

    Exit status: 0 the copies are the same, 1 they differ.
    """
    if put_back is not None or onto is not None:
        return _put_back(config, put_back, onto)
    if kept:
        return _list_kept(state_path(config, socket) / "kept", as_json=as_json)
    client = ControlClient(socket_path(config, socket))
    try:
        seen = client.ask("status", group, patience_s=STATUS_S)
        described = only_group(seen["groups"])
        result = compare(client, described)
    finally:
        client.close()
    if as_json:
        click.echo(json.dumps({"schema": 1, **result, "status": described}, indent=2))
    else:
        for line in (*sides(described), *differences(result)):
            click.echo(line)
    return int(any(row["differing_bytes"] for row in result["volumes"]))


def only_group(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one group that was meant.

    Raises:
        click.UsageError: There are several.
    """
    if len(groups) != 1:
        names = ", ".join(str(each["group"]) for each in groups)
        raise click.UsageError(f"which group? there are: {names}")
    return groups[0]


def compare(client: ControlClient, group: dict[str, Any]) -> dict[str, Any]:
    """Have a group compared, with the progress on a terminal; returns the result."""
    shows = sys.stderr.isatty()
    nodes = (str(group["node"]), str(group["peer"]["name"]))
    for line in client.compare(group["group"]):
        if "result" in line:
            if shows:
                click.echo("\r\033[K", nl=False, err=True)
            found: dict[str, Any] = line["result"]
            return {
                **found,
                "nodes": nodes,
                "volumes": [named(each, nodes) for each in found["volumes"]],
            }
        row = line["progress"]
        if shows:
            percent = 100 * row["done"] // max(1, row["total"])
            click.echo(f"\rcomparing {row['volume']}: {percent} %", nl=False, err=True)
    raise RequestRefusedError("the comparison ended without a result")


def sides(group: dict[str, Any]) -> Iterator[str]:
    """Yield what each node says of its copies, and since when."""
    peer = group["peer"]
    verdict = group["headline"] if group["in_sync"] else peer["verdict"]
    yield f"{group['group']}: {verdict or peer['name'] + ' is not heard'}"
    for volume in group["volumes"]:
        rows = (
            (group["node"], volume["copy"], volume["lineage_since"], volume["doubt"]),
            (
                peer["name"],
                volume["peer_copy"] or "not known",
                volume["peer_lineage_since"],
                volume["peer_doubt"],
            ),
        )
        for node, copy, since, doubt in rows:
            lasts = "of this lineage" if copy == "in_sync" else "on its own"
            began = f", {lasts} since {_moment(since)}" if since else ""
            yield f"  {volume['name']} on {node}: {copy}{began}" + (f" ({doubt})" if doubt else "")


def differences(result: dict[str, Any]) -> Iterator[str]:
    """Yield how much differs, volume by volume."""
    for row in result["volumes"]:
        total = size(row["size_bytes"])
        if not row["differing_bytes"]:
            yield f"  {row['volume']}: all {total} are the same"
            continue
        places = ", ".join(
            f"{offset:#x}+{size(length)}" for offset, length in row["first_ranges"][:_SHOWN]
        )
        more = ", ..." if row["ranges"] > _SHOWN else ""
        yield (
            f"  {row['volume']}: {size(row['differing_bytes'])} of {total} differ, in {row['ranges']} place(s): "
            f"{places}{more}"
        )
        if row["files_of_places"] < row["ranges"]:
            yield f"    the files of the first {row['files_of_places']} places:"
        yield from lines(row, result["nodes"])


def size(count: int) -> str:
    """Return a number of bytes for a person."""
    for unit, scale in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def _moment(wall_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_s))


def _list_kept(directory: Path, *, as_json: bool) -> int:
    try:
        names = sorted(each.name for each in directory.iterdir() if each.suffix == SUFFIX)
    except FileNotFoundError:
        names = []
    except PermissionError as error:
        raise NotPermittedError(f"reading {directory}") from error
    rows = [describe(str(directory / name)) for name in names]
    if as_json:
        click.echo(json.dumps({"schema": 1, "kept": rows}, indent=2))
        return 0
    if not rows:
        click.echo(
            f"nothing is kept in {directory}: it would be on the node whose copy was given up"
        )
    for row in rows:
        if row["problem"]:
            click.echo(f"{row['path']}: {row['problem']}")
            continue
        click.echo(
            f"{row['path']}: {size(row['bytes'])} of {row['group']}/{row['volume']} as {row['node']} had it, given up "
            f"for {row['kept']} on {_moment(row['wall_s'])}: {row['reason']}"
        )
    return 0


def _put_back(config: Path, path: Path | None, image: Path | None) -> int:
    if path is None or image is None:
        raise click.UsageError("--put-back and --onto are given together")
    try:
        written = put_back(str(path), str(image), _images(config))
    except (KeptFileError, NotACopyError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{size(written)} written to {image}; check it with fsck_ffs before it is mounted")
    return 0


def _images(config: Path) -> tuple[str, ...] | None:
    """Return the images of this node; None if no configuration tells."""
    from hafailover.config.load import load  # noqa: PLC0415 - costs a tenth of a second

    try:
        node = load(config)
    except HaFailoverError:
        return None
    return tuple(volume.image for group in node.groups for volume in group.volumes) or None
