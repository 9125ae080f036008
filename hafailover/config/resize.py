"""How does a volume get another size in a configuration file, all else as it was written?"""

from hafailover.config.problems import Mark
from hafailover.config.tree import MapNode, Node, ScalarNode, UnreadableError, parse_yaml


class NotEditableError(Exception):
    """The place cannot be found, or has to be changed by a person; ``args[0]`` says why."""


def with_size(text: str, group: str, volume: str, size: str) -> str:
    """Return the text with ``size`` as the size of one volume.

    Raises:
        NotEditableError: It is not written there as a plain word.
    """
    try:
        node = parse_yaml(text)
    except UnreadableError as error:
        raise NotEditableError(str(error)) from error
    for name in ("groups", group, "volumes", volume, "size"):
        node = _below(node, name)
    if not isinstance(node, ScalarNode) or not node.is_plain:
        raise NotEditableError(f"the size of {group}.{volume} is not written as a plain word")
    at = _offset(text, node.mark)
    if text[at : at + len(node.text)] != node.text:
        raise NotEditableError(f"the size of {group}.{volume} is written over several lines")
    return text[:at] + size + text[at + len(node.text) :]


def _below(node: Node, name: str) -> Node:
    found = [value for key, value in _entries(node) if key.text == name]
    if len(found) != 1:
        raise NotEditableError(f"{name} is there {len(found)} times, not once")
    return found[0]


def _entries(node: Node) -> tuple[tuple[ScalarNode, Node], ...]:
    return node.entries if isinstance(node, MapNode) else ()


def _offset(text: str, mark: Mark) -> int:
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: mark.line - 1]) + mark.column - 1
