"""Which keys are there, as rows for a reference: path, values, default, meaning?"""

from collections.abc import Iterator
from dataclasses import dataclass

from hafailover.config.schema import ROOT
from hafailover.config.shape import (
    Key,
    ListOf,
    Named,
    Options,
    PerNode,
    Presence,
    Scalar,
    Section,
    Shape,
    Variant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key of the configuration."""

    path: str
    """With NAME for a name of the user's, [] for an item of a list, (word) for a kind of arbiter."""
    allowed: str
    default: str
    """The text of the default, a remark on it, ``required``, or empty."""
    text: str


def describe_schema() -> tuple[Row, ...]:
    """Return one row for every key, in the order of the schema."""
    return tuple(_rows(ROOT, ""))


def _rows(section: Section, path: str) -> Iterator[Row]:
    for key in section.keys:
        where = f"{path}.{key.name}".lstrip(".")
        yield Row(path=where, allowed=_allowed(key.shape), default=_default(key), text=key.text)
        yield from _below(key.shape, where)


def _below(shape: Shape, path: str) -> Iterator[Row]:
    match shape:
        case Section():
            yield from _rows(shape, path)
        case Named():
            yield from _rows(shape.section, f"{path}.NAME")
        case ListOf(item=Section() as item):
            yield from _rows(item, f"{path}[]")
        case Variant():
            tag = f"one of {', '.join(shape.words())}"
            yield Row(path=f"{path}.{shape.tag}", allowed=tag, default="required", text=shape.text)
            for word, section in shape.sections:
                yield from _rows(section, f"{path}({word})")
        case Scalar() | PerNode() | ListOf() | Options():
            return


def _allowed(shape: Shape) -> str:
    match shape:
        case Scalar():
            return shape.kind.allowed
        case PerNode():
            return f"{shape.kind.allowed}; or one for each node"
        case ListOf(item=Section()):
            return "a list of sections"
        case ListOf(item=Scalar() as item):
            return f"a list, each item {item.kind.allowed}"
        case Options():
            return "a mapping of words to text"
        case Named():
            return "a mapping of names to sections"
        case ListOf() | Section() | Variant():
            return "a section"


def _default(key: Key) -> str:
    if key.remark:
        return key.remark
    if isinstance(key.default, str):
        return key.default
    return "required" if key.default is Presence.REQUIRED else ""


def render_markdown() -> str:
    """Return the reference as one table per top-level section."""
    lines: list[str] = []
    top = ""
    for row in describe_schema():
        if row.path.partition(".")[0].partition("(")[0] != top:
            top = row.path
            lines += ["", f"### `{top}`", "", "| key | values | default | meaning |"]
            lines += ["| --- | --- | --- | --- |"]
        default = row.default if row.default in {"", "required"} else f"`{row.default}`"
        lines.append(f"| `{row.path}` | {row.allowed} | {default} | {row.text} |")
    return "\n".join([*lines[1:], ""])


def render_mdoc() -> str:
    """Return the reference as an mdoc(7) list."""
    lines = [".Bl -tag -width Ds"]
    for row in describe_schema():
        lines.append(f".It Ic {_escaped(row.path)}")
        lines += [_roff(sentence) for sentence in row.text.replace(". ", ".\n").splitlines()]
        lines.append(_roff(f"Allowed is {row.allowed}."))
        default = {"": "", "required": "Required."}.get(row.default, f"Default: {row.default}.")
        if default:
            lines.append(_roff(default))
    return "\n".join([*lines, ".El", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _roff(text: str) -> str:
    """Return one input line of roff: a leading dot or quote would be a request."""
    line = _escaped(text)
    return f"\\&{line}" if line.startswith((".", "'")) else line
