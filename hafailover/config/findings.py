"""What did ``check`` find, how much does it matter, and what is to be done about it?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hafailover.config.checked import Checked
from hafailover.config.host_facts import HostFacts
from hafailover.config.judge_arbiter import judge_arbiter
from hafailover.config.judge_host import judge_host
from hafailover.config.judge_network import judge_network
from hafailover.config.judge_storage import judge_storage
from hafailover.config.load import Configuration
from hafailover.config.problems import Severity
from hafailover.config.remarks import Finding
from hafailover.runtime.settings import NodeSettings

_NOT_YET: Final = ("arbiter.required",)
"""Sections and keys that are checked here and that this version acts on in no way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything that ``check`` has to say."""

    node: str
    findings: tuple[Finding, ...]
    promises: tuple[str, ...]

    @property
    def has_errors(self) -> bool:
        """Whether the host cannot run this configuration as it is."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def judge(
    configuration: Configuration, settings: NodeSettings, facts: HostFacts | None
) -> Judgement:
    """Return all findings, the worst first; without facts only those about the file."""
    found = [*_from_file(configuration), *_not_yet(configuration)]
    if facts is not None:
        for rule in (judge_host, judge_network, judge_storage, judge_arbiter):
            found += rule(settings, facts)
    order = list(Severity)
    found.sort(key=lambda finding: order.index(finding.severity))
    return Judgement(node=settings.node, findings=tuple(found), promises=configuration.promises())


def _from_file(configuration: Configuration) -> Iterator[Finding]:
    for problem in configuration.warnings:
        mark = problem.mark
        yield Finding(
            severity=problem.severity,
            what=f"{problem.key}: {problem.text}",
            where=f"{configuration.path}:{mark.line}:{mark.column}",
            remedy="change the file on both nodes, or accept it",
        )


def _not_yet(configuration: Configuration) -> Iterator[Finding]:
    """Say what the file asks for and this version cannot do; silence would be a promise."""
    root = configuration.root
    for key in _NOT_YET:
        if _is_given(root, key):
            yield Finding(
                severity=Severity.WARNING,
                what=f"{key} is checked, but this version does not act on it",
                where=key,
                remedy="do not rely on it yet",
            )


def _is_given(outer: Checked, path: str) -> bool:
    section, _, key = path.rpartition(".")
    if not section:
        return outer.is_given(key)
    below = outer.maybe(section, Checked)
    return below is not None and below.is_given(key)
