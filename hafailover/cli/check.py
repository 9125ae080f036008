"""``hafailover check``: is the configuration right, and can this host run it?"""

import json
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import click

from hafailover.config.findings import Judgement, judge
from hafailover.config.load import Configuration, read_file
from hafailover.config.place import DEFAULT_PATH
from hafailover.config.problems import START, ConfigErrors, Problem, Severity
from hafailover.errors import EX_CONFIG
from hafailover.group.settings import ArbiterKind
from hafailover.runtime.settings import NodeSettings
from hafailover.system.abandoned import HINT, abandoned

JSON_VERSION: Final = 1
_WIDTH_MAX: Final = 80
_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_SAFETY: Final = {
    ArbiterKind.ETCD: "strict together with an armed watchdog: one primary under every partition",
    ArbiterKind.FENCE: "strict as far as the fence device tells the truth",
    ArbiterKind.PING: "not strict: a partition in which both nodes reach the targets splits",
    ArbiterKind.NONE: "not strict: every partition splits",
}


@click.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="HAFAILOVER_CONFIG",
    help="The configuration file.",
)
@click.option("--node", help="Which of the file's nodes this host is, if it cannot tell.")
@click.option(
    "--offline",
    is_flag=True,
    help="Look at the file, and at nothing of this host but its records.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(path: Path, node: str | None, *, offline: bool, as_json: bool) -> None:
    """Check the configuration, and whether this host can run it.

    Looks only and changes nothing. Each finding is an error, a warning or a note, and comes with
    its remedy. Exit status: 0 if there is no error, 1 if there are errors, 78 if the file cannot
    be used.
    """
    try:
        configuration = read_file(path)
        name = _node(configuration, node, offline=offline)
        settings = configuration.settings(name)
        _refuse_abandoned(configuration, settings)
    except ConfigErrors as errors:
        click.echo(_errors_json(errors) if as_json else _errors_text(errors), err=not as_json)
        sys.exit(EX_CONFIG)
    facts = None
    if not offline:
        # Loaded here: what only looks at a file needs no event loop.
        from hafailover.system.inspection import inspect_host  # noqa: PLC0415

        facts = inspect_host(settings)
    judgement = judge(configuration, settings, facts)
    render = _judgement_json if as_json else _judgement_text
    click.echo(render(configuration, judgement))
    sys.exit(1 if judgement.has_errors else 0)


def _node(configuration: Configuration, wanted: str | None, *, offline: bool) -> str:
    """Return the node to look from; a file alone can be checked on any host, for either."""
    try:
        return configuration.this_node(wanted)
    except ConfigErrors:
        if wanted or not offline:
            raise
        return configuration.nodes[0]


def _refuse_abandoned(configuration: Configuration, settings: NodeSettings) -> None:
    """Refuse a file that does not name what this host has up: an agent that runs with it would not know of that."""
    found = abandoned(settings, os.environ)
    problems = [Problem(mark=START, key="groups", text=text) for text in found]
    if problems:
        raise ConfigErrors(configuration.path, problems, hint=HINT)


def _errors_text(errors: ConfigErrors) -> str:
    count = len(errors.problems)
    word = "error" if count == 1 else "errors"
    hint = f"\n{errors.hint}." if errors.hint else ""
    return f"{errors}\n\n{count} {word}: the configuration cannot be used.{hint}"


def _problem_json(problem: Problem) -> dict[str, Any]:
    return {
        "severity": problem.severity.value,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "key": problem.key,
        "text": problem.text,
    }


def _errors_json(errors: ConfigErrors) -> str:
    return _dump(
        {
            "version": JSON_VERSION,
            "config": errors.path,
            "usable": False,
            "problems": [_problem_json(problem) for problem in errors.problems],
        }
    )


def _judgement_json(configuration: Configuration, judgement: Judgement) -> str:
    settings = configuration.settings(judgement.node)
    return _dump(
        {
            "version": JSON_VERSION,
            "config": configuration.path,
            "usable": True,
            "node": judgement.node,
            "digest": settings.digest,
            "safety": _safety(configuration, judgement.node),
            "worst_cases": list(judgement.promises),
            "findings": [
                {
                    "severity": finding.severity.value,
                    "what": finding.what,
                    "where": finding.where,
                    "remedy": finding.remedy,
                }
                for finding in judgement.findings
            ],
        }
    )


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _safety(configuration: Configuration, node: str) -> str:
    """Return what the arbiter is good for, in words; empty without volumes."""
    groups = [group for group in configuration.settings(node).groups if group.has_storage]
    if not groups:
        return ""
    arbiter = groups[0].arbiter
    return f"{arbiter.value}: {_SAFETY[arbiter]}"


def _judgement_text(configuration: Configuration, judgement: Judgement) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    digest = configuration.settings(judgement.node).digest
    lines = [
        f"{configuration.path}: usable, seen from {judgement.node}",
        f"digest {digest[:16]} (the same on both nodes)",
    ]
    for finding in judgement.findings:
        word = finding.severity.value
        label = click.style(f"{word:<8}", fg=_COLOURS[finding.severity], bold=True)
        lines += ["", label + _wrapped(finding.what, width)]
        lines += [" " * 8 + _wrapped(f"at {finding.where}", width)]
        lines += [" " * 8 + _wrapped(f"-> {finding.remedy}", width)]
    if judgement.promises:
        lines += ["", "Worst cases", "  " + _bullet(_safety(configuration, judgement.node), width)]
        lines += ["  " + _bullet(promise, width) for promise in judgement.promises]
    return "\n".join([*lines, "", _summary(judgement)])


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(
        text, width, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
    ).lstrip()


def _bullet(text: str, width: int) -> str:
    return textwrap.fill(
        f"- {text}", width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    ).lstrip()


def _summary(judgement: Judgement) -> str:
    counts = []
    for severity in Severity:
        count = sum(finding.severity is severity for finding in judgement.findings)
        plural = "" if count == 1 else "s"
        counts.append(f"{count} {severity.value}{plural}")
    verdict = "this host is not ready" if judgement.has_errors else "nothing stands in the way"
    return ", ".join(counts) + f": {verdict}."
