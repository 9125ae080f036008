"""What has to be known of the loops and conditions around a command?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

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
    Step,
)

_LIMITS: Final = frozenset({"-lt", "-le", "-gt", "-ge"})
_EQUALS: Final = frozenset({"-eq", "-ne"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopMark:
    """A loop that a command stands in."""

    line: int
    is_counted: bool
    """Whether something in it counts its turns."""
    words: frozenset[str]
    """Every word of every command in it."""


def asks_for_status(step: Step) -> bool:
    """Whether a step looks at ``$?``, the exit status of the one before it."""
    return any(
        part.kind is PartKind.VARIABLE and part.text == "?"
        for token in _tokens_of(step, is_deep=False)
        for part in token.parts
    )


def _tokens_of(step: Step, *, is_deep: bool) -> Iterator[Token]:
    """Yield the words of a step; of what stands in its branches and loops only if ``is_deep``."""
    for node in step.pipeline:
        words, tests, bodies = _inside(node)
        yield from words
        for body in (*tests, *bodies) if is_deep else tests:
            yield from _tokens_in(body, is_deep=is_deep)


def _inside(node: Node) -> tuple[tuple[Token, ...], tuple[Body, ...], tuple[Body, ...]]:
    """Return a node's own words, its tests, and what is done in it."""
    match node:
        case Simple():
            return node.words, (), ()
        case If():
            tests = tuple(test for test, _ in node.branches)
            return (), tests, (*(body for _, body in node.branches), node.otherwise)
        case Loop():
            return (), (node.test,), (node.body,)
        case For():
            return node.words, (), (node.body,)
        case Group():
            return (), (), (node.body,)
        case Case():
            return node.words, (), tuple(body for _, body in node.arms)
        case Function():
            return (), (), ()


def _tokens_in(body: Body, *, is_deep: bool) -> Iterator[Token]:
    for step in body:
        yield from _tokens_of(step, is_deep=is_deep)


def mark_of(loop: Loop) -> LoopMark:
    """Return what has to be known of a loop by who stands in it."""
    steps = (*loop.test, *loop.body)
    found = tuple(_tokens_in(steps, is_deep=True))
    words = {word for token in found for word in token.text.replace("|", " ").split()}
    return LoopMark(
        line=loop.line,
        is_counted="timeout" in words or any(_counts(node, words) for node in _simples(steps)),
        words=frozenset(words),
    )


def _counts(node: Simple, words: set[str]) -> bool:
    """Whether a command compares numbers, other than an exit status."""
    own = {token.text for token in node.words}
    if any(part.text == "?" for token in node.words for part in token.parts):
        return False
    grows = "expr" in words or "let" in words or any("+" in word for word in words)
    return bool(own & _LIMITS) or (grows and bool(own & _EQUALS))


def _simples(body: Body) -> Iterator[Simple]:
    for step in body:
        for node in step.pipeline:
            if isinstance(node, Simple):
                yield node
            _, tests, bodies = _inside(node)
            for below in (*tests, *bodies):
                yield from _simples(below)
