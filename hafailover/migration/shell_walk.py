"""Which commands would a script run, with which words, and who looks at how they end?

Variables are followed as far as the text tells; what it does not tell stays as ``$NAME``.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from hafailover.migration.finding import Place
from hafailover.migration.shell_loops import LoopMark, asks_for_status, mark_of
from hafailover.migration.shell_tokens import PartKind, Token
from hafailover.migration.shell_tree import (
    Body,
    Case,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Simple,
    parse,
)

_FOR_WORDS_MAX: Final = 32
_CALL_DEPTH_MAX: Final = 8
_PREFIXES: Final = ("sudo", "nohup", "exec", "command", "env", "time", "nice", "doas", "builtin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One command that would be run."""

    words: tuple[str, ...]
    place: Place
    loops: tuple[LoopMark, ...] = ()
    is_background: bool = False
    is_checked: bool = False
    """Whether something looks at its exit status."""
    is_test: bool = False
    """Whether it stands in the test of an ``if`` or a loop."""

    @property
    def program(self) -> str:
        """The name of the program without its directory."""
        return self.words[0].rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    loops: tuple[LoopMark, ...] = ()
    is_background: bool = False
    is_checked: bool = False
    is_test: bool = False
    depth: int = 0


@dataclass(slots=True, kw_only=True)
class _Shell:
    file: str
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Body] = field(default_factory=dict)
    stops_at_errors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a script has defined when it ends."""

    variables: Mapping[str, str]
    functions: frozenset[str]


def walk(
    text: str,
    file: str,
    *,
    arguments: Sequence[str] = (),
    sourced: Mapping[str, str] | None = None,
) -> tuple[tuple[Call, ...], Walked]:
    """Return the commands of a script in order, and what its names mean at its end.

    Args:
        text: The script.
        file: What places call it.
        arguments: It is called with, ``$1`` first.
        sourced: Further files by their names without directory, for ``. FILE``.
    """
    shell = _Shell(file=file)
    for number, word in enumerate(arguments, start=1):
        shell.variables[str(number)] = word
    calls = tuple(_Walk(shell, sourced or {}).body(parse(text), _Context()))
    return calls, Walked(variables=shell.variables, functions=frozenset(shell.functions))


class _Walk:
    def __init__(self, shell: _Shell, sourced: Mapping[str, str]) -> None:
        self._shell = shell
        self._sourced = sourced

    def body(self, steps: Body, context: _Context) -> Iterator[Call]:
        for number, step in enumerate(steps):
            following = steps[number + 1] if number + 1 < len(steps) else None
            is_last = following is None
            is_checked = (
                step.link in ("&&", "||")
                or step.is_negated
                or self._shell.stops_at_errors
                or (following is not None and asks_for_status(following))
                or (is_last and context.is_checked)
                or context.is_test
            )
            below = replace(
                context,
                is_checked=is_checked,
                is_background=context.is_background or step.link == "&",
            )
            for position, node in enumerate(step.pipeline):
                is_end = position == len(step.pipeline) - 1
                inner = below if is_end else replace(below, is_checked=False)
                yield from self._node(node, inner)

    def _node(self, node: Node, context: _Context) -> Iterator[Call]:
        tested = replace(context, is_checked=True, is_test=True)
        plain = replace(context, is_test=False)
        match node:
            case Simple():
                yield from self._simple(node, context)
            case If():
                for test, body in node.branches:
                    yield from self.body(test, tested)
                    yield from self.body(body, plain)
                yield from self.body(node.otherwise, plain)
            case Loop():
                mark = mark_of(node)
                loops = (*context.loops, mark)
                yield from self.body(node.test, replace(tested, loops=loops))
                yield from self.body(node.body, replace(plain, loops=loops))
            case For():
                yield from self._for(node, plain)
            case Case():
                yield from self._case(node, plain)
            case Group():
                yield from self.body(node.body, context)
            case Function():
                self._shell.functions[node.name] = node.body

    def _case(self, node: Case, context: _Context) -> Iterator[Call]:
        """Take the one arm that fits if that is known, else all of them."""
        words = [word for token in node.words for word in self._expand(token, context)[0]]
        word = " ".join(words)
        for patterns, body in node.arms:
            if "$" in word:
                yield from self.body(body, context)
            elif any(fnmatchcase(word, pattern) for pattern in patterns):
                yield from self.body(body, context)
                return

    def _for(self, node: For, context: _Context) -> Iterator[Call]:
        words = [word for token in node.words for word in self._expand(token, context)[0]]
        for word in words[:_FOR_WORDS_MAX] or [f"${node.name}"]:
            self._shell.variables[node.name] = word
            yield from self.body(node.body, context)

    def _simple(self, node: Simple, context: _Context) -> Iterator[Call]:
        words: list[str] = []
        for token in node.words:
            expanded, nested = self._expand(token, context)
            yield from nested
            name, equals, value = (expanded[0] if expanded else "").partition("=")
            if equals and name.isidentifier() and not words:
                self._shell.variables[name] = value
                continue
            words += expanded
        words = _without_prefixes(words)
        if not words:
            return
        if words[0] in ("export", "readonly", "local", "setenv"):
            for word in words[1:]:
                name, equals, value = word.partition("=")
                if equals:
                    self._shell.variables[name] = value
            return
        if words[0] == "set":
            self._set(words)
        call = Call(
            words=tuple(words),
            place=Place(file=self._shell.file, line=node.line),
            loops=context.loops,
            is_background=context.is_background,
            is_checked=context.is_checked,
            is_test=context.is_test,
        )
        yield call
        if context.depth < _CALL_DEPTH_MAX:
            yield from self._inside(call, replace(context, depth=context.depth + 1))

    def _set(self, words: list[str]) -> None:
        for word in words[1:]:
            if word[:1] in "+-" and "e" in word[1:2] + word[2:] and word[1:] != "o":
                self._shell.stops_at_errors = word.startswith("-")

    def _inside(self, call: Call, context: _Context) -> Iterator[Call]:
        """Go into a function, a sourced file, or ``sh -c``."""
        words = call.words
        if words[0] in self._shell.functions:
            for number, word in enumerate(words):
                self._shell.variables[str(number)] = word
            yield from self.body(self._shell.functions[words[0]], context)
        elif words[0] in (".", "source") and len(words) > 1:
            name = words[1].rpartition("/")[2]
            if name in self._sourced:
                outer = self._shell.file
                self._shell.file = name
                yield from self.body(parse(self._sourced[name]), context)
                self._shell.file = outer
        elif call.program in ("sh", "bash", "eval") and len(words) > 1:
            text = words[2] if words[1] == "-c" and len(words) > 2 else ""
            text = " ".join(words[1:]) if words[0] == "eval" else text
            for inner in self.body(parse(text), context):
                line = call.place.line + inner.place.line - 1
                yield replace(inner, place=replace(inner.place, line=line))

    def _expand(self, token: Token, context: _Context) -> tuple[list[str], list[Call]]:
        """Return the words that a word becomes, and the commands that are run for it."""
        text = ""
        nested: list[Call] = []
        is_split = False
        for part in token.parts:
            match part.kind:
                case PartKind.LITERAL:
                    text += part.text
                case PartKind.VARIABLE:
                    value = self._shell.variables.get(part.text, "")
                    text += value or part.default or f"${part.text}"
                    is_split = is_split or (not part.is_quoted and len(token.parts) == 1)
                case PartKind.COMMAND:
                    text += "$()"
                    nested += self._nested(part.text, part.line, context)
        if is_split:
            try:
                return shlex.split(text), nested
            except ValueError:
                return text.split(), nested
        return [text], nested

    def _nested(self, text: str, line: int, context: _Context) -> list[Call]:
        inner = replace(context, is_checked=False, depth=context.depth + 1)
        if context.depth >= _CALL_DEPTH_MAX:
            return []
        calls = self.body(parse(text), inner)
        return [
            replace(call, place=replace(call.place, line=call.place.line + line - 1))
            for call in calls
        ]


def _without_prefixes(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0].rpartition("/")[2] in _PREFIXES:
        words = words[1:]
        while len(words) > 1 and (words[0].startswith("-") or "=" in words[0]):
            words = words[1:]
    return words
