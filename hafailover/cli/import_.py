"""``hafailover import``: from the files of freevrrpd, ggate and gmirror to one configuration."""

import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import click

from hafailover.config.load import read_text
from hafailover.config.problems import ConfigErrors
from hafailover.errors import EX_CONFIG, EdgeError
from hafailover.migration.commands import read_size
from hafailover.migration.conversion import Converted, Given, convert
from hafailover.migration.finding import Finding, Weight
from hafailover.migration.new_file import Hints
from hafailover.migration.pair import Source, Told

JSON_VERSION: Final = 1
_COLOURS: Final = {
    Weight.ERROR: "red",
    Weight.FILL_IN: "magenta",
    Weight.WARNING: "yellow",
    Weight.NOTE: "cyan",
}
_WIDTH_MAX: Final = 100
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def _node(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> tuple[Told, ...]:
    told = []
    for text in texts:
        name, equals, addresses = text.partition("=")
        lan, _, replication = addresses.partition("/")
        if not equals or not name or not lan:
            raise click.BadParameter(
                f"{text!r} is not of the form NAME=LAN or NAME=LAN/REPLICATION"
            )
        told.append(Told(name=name, lan=lan, replication=replication))
    return tuple(told)


def _size(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int:
    size = read_size(text) if text else 0
    if text and (not size or size % 512):
        raise click.BadParameter(f"{text!r} is not a size such as 500m or 2g")
    return size


@click.command()
@click.option(
    "--freevrrpd",
    "routers",
    type=_FILE,
    multiple=True,
    required=True,
    help="A freevrrpd.conf; the preferred node's first, then the other's.",
)
@click.option("--exports", type=_FILE, multiple=True, help="A gg.exports, in the same order.")
@click.option("--script", "scripts", type=_FILE, multiple=True, help="A master or backup script.")
@click.option("--rc-conf", "hosts", type=_FILE, multiple=True, help="An rc.conf, in that order.")
@click.option(
    "--node",
    "told",
    metavar="NAME=LAN[/REPLICATION]",
    multiple=True,
    callback=_node,
    help="A node's name and addresses, which only rc.conf tells; in that order.",
)
@click.option("--interface", default="", help="The LAN's interface, if it is not freevrrpd's.")
@click.option("--replication-interface", default="", help="The interface between the nodes.")
@click.option("--size", callback=_size, help="The size of the images, such as 500m.")
@click.option("--ping", "targets", multiple=True, help="An address for the arbiter ping.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write the configuration here, where nothing may be yet; otherwise it is printed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print findings and configuration as JSON.")
def import_(
    told: tuple[Told, ...],
    interface: str,
    replication_interface: str,
    size: int,
    targets: tuple[str, ...],
    output: Path | None,
    *,
    as_json: bool,
    **files: tuple[Path, ...],
) -> None:
    """Make a configuration from the old files of both nodes, and say what is wrong with those.

    Give both nodes' files. Which of them belongs to which node follows from directories, from the
    names in freevrrpd.conf, and from their order; it is printed. Nothing is run, and no old file is
    changed.

    Findings go to standard error, the configuration to standard output or --output. Exit status: 0
    if it can be used as it is, 1 if something has to be filled in by hand, 78 if there is none.
    """
    if len(files["routers"]) > 2:
        raise click.UsageError("a pair has two nodes: give --freevrrpd at most twice")
    converted = convert(
        Given(
            **{kind: _sources(paths) for kind, paths in files.items()},
            told=told,
            hints=Hints(
                lan_interface=interface,
                link_interface=replication_interface,
                size=size,
                targets=targets,
            ),
        )
    )
    if isinstance(converted, str):
        click.echo(f"hafailover: {converted}", err=True)
        sys.exit(EX_CONFIG)
    problems = _problems(converted.text)
    if output is not None and not problems:
        _write(output, converted.text)
    if as_json:
        click.echo(json.dumps(_document(converted, problems), indent=2, ensure_ascii=False))
    else:
        _print(converted, problems, output)
    if problems:
        sys.exit(EX_CONFIG)
    open_questions = any(found.weight is Weight.FILL_IN for found in converted.findings)
    sys.exit(1 if open_questions else 0)


def _sources(paths: tuple[Path, ...]) -> list[Source]:
    sources = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise EdgeError(f"{path}: {error.strerror}") from error
        sources.append(Source(path=str(path), text=text))
    return sources


def _problems(text: str) -> list[str]:
    """Return what hafailover check would refuse about the new file; nothing, one hopes."""
    try:
        read_text(text, "new file")
    except ConfigErrors as errors:
        return [problem.render("new file") for problem in errors.problems]
    return []


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            path.chmod(0o600)
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} exists already") from None
    except OSError as error:
        raise EdgeError(f"{path}: {error.strerror}") from error


def _print(converted: Converted, problems: list[str], output: Path | None) -> None:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    for line in converted.readings:
        click.echo(f"read: {line}", err=True)
    for finding in converted.findings:
        _print_finding(finding, width)
    click.echo(f"\n{_summary(converted)}", err=True)
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    if problems:
        click.echo("the new file cannot be used as it is: put this right by hand", err=True)
    if output is None or problems:
        click.echo(converted.text, nl=False)
    else:
        click.echo(f"written: {output}; next: hafailover check --config {output}", err=True)


def _print_finding(finding: Finding, width: int) -> None:
    label = click.style(f"{finding.weight.value:<8}", fg=_COLOURS[finding.weight], bold=True)
    click.echo(f"\n{label} {finding.place.shown()}  [{finding.rule}]", err=True)
    for lead, text in (("", finding.what), ("so: ", finding.consequence), ("-> ", finding.remedy)):
        indented = textwrap.fill(
            f"{lead}{text}",
            width,
            initial_indent=" " * 9,
            subsequent_indent=" " * (9 + len(lead)),
            break_on_hyphens=False,
            break_long_words=False,
        )
        click.echo(indented, err=True)


def _summary(converted: Converted) -> str:
    counts = []
    for weight in Weight:
        count = sum(finding.weight is weight for finding in converted.findings)
        counts.append(f"{count} {weight.value}" + ("s" if weight is not Weight.FILL_IN else ""))
    return ", ".join(counts)


def _document(converted: Converted, problems: list[str]) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "usable": not problems,
        "problems": problems,
        "read": list(converted.readings),
        "findings": [
            {
                "rule": finding.rule,
                "weight": finding.weight.value,
                "file": finding.place.file,
                "line": finding.place.line,
                "what": finding.what,
                "consequence": finding.consequence,
                "remedy": finding.remedy,
            }
            for finding in converted.findings
        ],
        "configuration": converted.text,
    }
