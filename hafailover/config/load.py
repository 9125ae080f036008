"""How does a file become settings?

``load`` is what everybody needs: the settings of this node, or every error at once. ``read_file``
stops one step earlier, for who wants both nodes' settings, the warnings, or the worst cases.
"""

from dataclasses import dataclass
from pathlib import Path

from hafailover.config.arithmetic import Spans
from hafailover.config.build import build_node
from hafailover.config.checked import Checked
from hafailover.config.crosschecks import cross_check
from hafailover.config.identity import find_node
from hafailover.config.problems import START, ConfigErrors, Problem, Severity
from hafailover.config.promises import describe_promises
from hafailover.config.reading import Reading, read_nodes
from hafailover.config.schema import ROOT
from hafailover.config.timing import spans_of
from hafailover.config.tree import UnreadableError, parse_yaml
from hafailover.runtime.settings import NodeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A file without errors."""

    path: str
    root: Checked
    warnings: tuple[Problem, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(self.root.sections("nodes"))

    def settings(self, node: str) -> NodeSettings:
        """Return the settings of one of the nodes."""
        return build_node(self.root, node)

    def spans(self) -> Spans:
        """Return the spans of time that depend on each other."""
        return spans_of(self.root)

    def promises(self) -> tuple[str, ...]:
        """Return the worst cases in words; none without volumes."""
        groups = self.root.sections("groups").values()
        if not any(group.sections("volumes") for group in groups):
            return ()
        return describe_promises(self.spans())

    def this_node(self, wanted: str | None = None) -> str:
        """Return which of the nodes this host is.

        Raises:
            ConfigErrors: none of them, or more than one.
        """
        found = find_node(self.root, wanted)
        if isinstance(found, Problem):
            raise ConfigErrors(self.path, [found], hint="")
        return found


def load(path: Path | str, node: str | None = None) -> NodeSettings:
    """Return the settings of this node, or of the one that is named.

    Raises:
        ConfigErrors: the file cannot be used; it carries every reason.
    """
    configuration = read_file(path)
    return configuration.settings(configuration.this_node(node))


def read_file(path: Path | str) -> Configuration:
    """Return the checked file.

    Raises:
        ConfigErrors: the file cannot be used; it carries every reason.
    """
    try:
        content = Path(path).read_bytes()
    except PermissionError as error:
        problem = _whole(f"cannot be read: {error.strerror}")
        raise ConfigErrors(str(path), [problem], hint="run this as root") from error
    except OSError as error:
        raise ConfigErrors(str(path), [_whole(f"cannot be read: {error.strerror}")]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = _whole(f"not UTF-8 text, first on line {line}")
        raise ConfigErrors(str(path), [problem]) from error
    return read_text(text, str(path))


def read_text(text: str, path: str) -> Configuration:
    """Return the checked text; ``path`` is what errors call it.

    Raises:
        ConfigErrors: the text cannot be used; it carries every reason.
    """
    try:
        tree = parse_yaml(text)
    except UnreadableError as error:
        raise ConfigErrors(path, [error.problem]) from error
    reading = Reading(nodes=read_nodes(tree))
    root = reading.read(ROOT, tree)
    problems = list(reading.problems)
    if root is not None:
        problems += cross_check(root)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors or root is None:
        raise ConfigErrors(path, errors)
    return Configuration(path=path, root=root, warnings=tuple(problems))


def _whole(text: str) -> Problem:
    return Problem(mark=START, key="", text=text)
