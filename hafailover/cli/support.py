"""``hafailover support``: one archive with all that somebody else needs to see, and no secret."""

import io
import json
import platform
import re
import sys
import tarfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click

from hafailover import __version__
from hafailover.cli.reaching import reaching_options
from hafailover.config.canonical import canonical_form
from hafailover.config.load import read_file
from hafailover.config.problems import ConfigErrors
from hafailover.errors import HaFailoverError
from hafailover.runtime.settings import PathSettings
from hafailover.system.control_client import STATUS_S, ControlClient

JSON_VERSION: Final = 1
HIDDEN: Final = "(hidden)"
_SECRET_LISTS: Final = ("apprise",)
"""Keys whose values carry passwords though the schema does not know where."""
_COMMAND_KEYS: Final = ("command", "third_host")
"""Commands may be given tokens as arguments: of these only the program is shown."""
_AUTHENTICATION: Final = re.compile(rb'"authentication":"([0-9a-f]*)"')
_JOURNAL_MAX: Final = 64 * 1024 * 1024
_ABOUT: Final = """\
Made by hafailover {version} on {node} at {time}.

about.txt           this text, and what this host is
configuration.json  the configuration with all defaults; secrets, and arguments of hooks, are "(hidden)"
status.json         what the agent says of itself and its groups
journal.jsonl       everything that the agent decided, and from what; passwords of VRRP are zeros
journal.jsonl.1     the same, before
records/            what this node holds on record of its copies

Read it with:  hafailover history --journal journal.jsonl
               hafailover replay journal.jsonl --config ... (needs the real configuration)

Names, addresses and paths of these hosts are in it; keys and passwords are not.
"""


@click.command()
@reaching_options
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The archive; hafailover-NODE-TIME.tar.gz in the present directory if left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was packed as JSON.")
def support(config: Path, socket: Path | None, output: Path | None, *, as_json: bool) -> None:
    """Pack journal, status and configuration into one archive to send away. No secret is in it.

    It works without a running agent too, and with a configuration that has errors; of one that cannot
    be used only the places of the errors are told.
    """
    form, paths, node = _configuration(config)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    name = f"hafailover-{node}-{stamp}"
    target = output or Path(f"{name}.tar.gz")
    about = _ABOUT.format(version=__version__, node=node, time=time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    contents = {
        "about.txt": (about + _host()).encode(),
        "configuration.json": _json(form),
        "status.json": _json(_status(socket or paths.control_socket)),
        **dict(_records(paths)),
        **dict(_journals(paths)),
    }
    with tarfile.open(target, "w:gz") as archive:
        for each, content in contents.items():
            entry = tarfile.TarInfo(f"{name}/{each}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    if as_json:
        sizes = [{"name": each, "size_bytes": len(content)} for each, content in contents.items()]
        document = {"schema": JSON_VERSION, "file": str(target), "node": node, "contents": sizes}
        click.echo(json.dumps(document, indent=2))
        return
    for each, content in contents.items():
        click.echo(f"  {each:<40}{len(content):>12} bytes")
    click.echo(f"{target}: look into it before you send it away")


def _configuration(config: Path) -> tuple[dict[str, Any], PathSettings, str]:
    """Return the configuration without its secrets, the agent's paths, and this node's name."""
    try:
        configuration = read_file(config)
    except ConfigErrors as errors:
        places = [
            {"line": each.mark.line, "column": each.mark.column, "key": each.key}
            for each in errors.problems
        ]
        return {"usable": False, "errors_at": places}, PathSettings(), platform.node()
    try:
        node = configuration.this_node()
    except ConfigErrors:
        node = configuration.nodes[0]
    paths = configuration.settings(node).paths
    return without_secrets(canonical_form(configuration.root)), paths, node


def without_secrets(form: Any, key: str = "") -> Any:
    """Return a canonical form with nothing in it that could be used against the hosts."""
    if form and key in _SECRET_LISTS:
        return HIDDEN
    if isinstance(form, list) and key in _COMMAND_KEYS:
        return [*form[:1], *[HIDDEN] * len(form[1:])]
    if isinstance(form, dict):
        return {name: without_secrets(value, name) for name, value in form.items()}
    if isinstance(form, list):
        return [without_secrets(each) for each in form]
    # Not even the hash: a short password is found by trying.
    return HIDDEN if isinstance(form, str) and form.startswith("sha256:") else form


def _status(socket: Path) -> dict[str, Any]:
    try:
        client = ControlClient(socket)
        try:
            found: dict[str, Any] = client.ask("status", None, patience_s=STATUS_S)
        finally:
            client.close()
    except HaFailoverError as error:
        return {"problem": error.message}
    return found


def _records(paths: PathSettings) -> Iterator[tuple[str, bytes]]:
    directory = paths.state / "lineage"
    for path in sorted(directory.rglob("*")) if directory.is_dir() else []:
        if path.is_file():
            yield f"records/{path.relative_to(directory)}", path.read_bytes()


def _journals(paths: PathSettings) -> Iterator[tuple[str, bytes]]:
    for name in (paths.journal.name, f"{paths.journal.name}.1"):
        path = paths.state / name
        if not path.exists():
            continue
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - _JOURNAL_MAX))
            text = file.read()
        yield name, _AUTHENTICATION.sub(_zeros, text)


def _zeros(found: re.Match[bytes]) -> bytes:
    """Keep the length, so that the journal can still be replayed."""
    return b'"authentication":"%s"' % (b"0" * len(found[1]))


def _host() -> str:
    names = ("click", "PyYAML", "scapy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"\n{platform.platform()}\nPython {sys.version.split()[0]}, {versions}\n"


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
