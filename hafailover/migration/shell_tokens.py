"""How does a shell script fall into words and operators? After sh(1), tolerant of what it does not know.

Redirections and here-documents are swallowed: what a script writes where is of no interest here.
Nothing is ever executed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_OPERATORS: Final = ("&&", "||", ";;", ";", "&", "|", "(", ")", "\n")
_BLANKS: Final = " \t"
_SPECIAL_NAMES: Final = "?#@*$!-0123456789"
_ENDS_WORD: Final = " \t\n;&|()<>"


class PartKind(Enum):
    """What a piece of a word is."""

    LITERAL = "literal"
    VARIABLE = "variable"
    COMMAND = "command"
    """``$(...)`` or backquotes; the text is that of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a word."""

    kind: PartKind
    text: str
    """The literal, the variable's name, or the command."""
    default: str = ""
    """What stands for an unset variable: ``${name:-default}``."""
    is_quoted: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word, or an operator (which has no parts)."""

    line: int
    operator: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def plain(self) -> str:
        """The word if it is nothing but unquoted text, as reserved words are; else empty."""
        if len(self.parts) == 1 and self.parts[0].kind is PartKind.LITERAL:
            return "" if self.parts[0].is_quoted else self.parts[0].text
        return ""

    @property
    def text(self) -> str:
        """The word as if it had no quotes, and no variables in it."""
        return "".join(part.text for part in self.parts)


def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a script; what is not closed ends with the text."""
    return tuple(_Scanner(text).scan())


class _Scanner:
    def __init__(self, text: str, line: int = 1) -> None:
        self._text = text
        self._at = 0
        self._line = line
        self._documents: list[str] = []

    def scan(self) -> Iterator[Token]:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in _BLANKS or char == "\r":
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._skip(2)
            elif char == "#":
                self._skip_comment()
            elif self._redirection():
                continue
            elif operator := self._operator():
                line = self._line
                self._skip(len(operator))
                yield Token(line=line, operator=operator)
                if operator == "\n" and self._documents:
                    self._skip_documents()
            else:
                yield self._word()

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _skip_comment(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _operator(self) -> str:
        return next((each for each in _OPERATORS if self._text.startswith(each, self._at)), "")

    def _redirection(self) -> bool:
        """Swallow a redirection with its target; False = there is none here."""
        at = self._at
        while at < len(self._text) and self._text[at].isdigit():
            at += 1
        if at >= len(self._text) or self._text[at] not in "<>":
            return False
        mark = self._text[at : at + 2]
        is_document = mark == "<<"
        at += 1
        while at < len(self._text) and self._text[at] in "<>&|-":
            at += 1
        self._at = at
        while self._at < len(self._text) and self._text[self._at] in _BLANKS:
            self._at += 1
        target = self._word() if self._starts_word() else Token(line=self._line)
        if is_document:
            self._documents.append("".join(part.text for part in target.parts))
        return True

    def _starts_word(self) -> bool:
        return self._at < len(self._text) and self._text[self._at] not in _ENDS_WORD

    def _skip_documents(self) -> None:
        for end in self._documents:
            while self._at < len(self._text):
                stop = self._text.find("\n", self._at)
                stop = len(self._text) if stop < 0 else stop
                line = self._text[self._at : stop]
                self._skip(min(stop + 1, len(self._text)) - self._at)
                if line.lstrip("\t") == end:
                    break
        self._documents.clear()

    def _word(self) -> Token:
        line = self._line
        parts: list[Part] = []
        while self._starts_word() and not self._text.startswith("\\\n", self._at):
            parts += self._parts(is_quoted=False)
        return Token(line=line, parts=_joined(parts))

    def _parts(self, *, is_quoted: bool) -> list[Part]:
        """Take the next piece of a word; a double-quoted text may consist of several."""
        if self._text[self._at] == '"' and not is_quoted:
            return self._double()
        return [self._part(is_quoted=is_quoted)]

    def _part(self, *, is_quoted: bool) -> Part:
        char = self._text[self._at]
        if char == "'" and not is_quoted:
            return self._literal(self._until("'"), is_quoted=True)
        if char == "`":
            return self._command(self._until("`"))
        if char == "$":
            return self._dollar(is_quoted=is_quoted)
        if char == "\\":
            escaped = self._text[self._at + 1 : self._at + 2]
            self._skip(2)
            return self._literal(escaped, is_quoted=True)
        self._skip(1)
        return self._literal(char, is_quoted=is_quoted)

    def _literal(self, text: str, *, is_quoted: bool) -> Part:
        return Part(kind=PartKind.LITERAL, text=text, is_quoted=is_quoted)

    def _command(self, text: str) -> Part:
        return Part(kind=PartKind.COMMAND, text=text, line=self._line - text.count("\n"))

    def _until(self, end: str) -> str:
        """Return what stands between the character here and its next like."""
        stop = self._text.find(end, self._at + 1)
        stop = len(self._text) if stop < 0 else stop
        text = self._text[self._at + 1 : stop]
        self._skip(min(stop + 1, len(self._text)) - self._at)
        return text

    def _double(self) -> list[Part]:
        self._skip(1)
        parts = [self._literal("", is_quoted=True)]
        while self._at < len(self._text) and self._text[self._at] != '"':
            parts += self._parts(is_quoted=True)
        self._skip(1)
        return parts

    def _dollar(self, *, is_quoted: bool) -> Part:
        rest = self._text[self._at + 1 : self._at + 2]
        if self._text.startswith("$((", self._at):
            return self._literal(self._balanced(2, "(", ")"), is_quoted=is_quoted)
        if rest == "(":
            return self._command(self._balanced(1, "(", ")"))
        if rest == "{":
            name, _, default = self._balanced(1, "{", "}").partition(":-")
            name = name.rstrip("-=+?:%#/*")
            return self._variable(name, default, is_quoted=is_quoted)
        if rest and rest in _SPECIAL_NAMES:
            self._skip(2)
            return self._variable(rest, "", is_quoted=is_quoted)
        end = self._at + 1
        while end < len(self._text) and (self._text[end].isalnum() or self._text[end] == "_"):
            end += 1
        name = self._text[self._at + 1 : end]
        self._skip(end - self._at)
        if not name:
            return self._literal("$", is_quoted=is_quoted)
        return self._variable(name, "", is_quoted=is_quoted)

    def _variable(self, name: str, default: str, *, is_quoted: bool) -> Part:
        return Part(kind=PartKind.VARIABLE, text=name, default=default, is_quoted=is_quoted)

    def _balanced(self, skip: int, opening: str, closing: str) -> str:
        """Return what stands between balanced brackets that begin ``skip`` characters ahead."""
        at = self._at + skip + 1
        start, depth = at, 1
        while at < len(self._text) and depth:
            depth += {opening: 1, closing: -1}.get(self._text[at], 0)
            at += 1
        text = self._text[start : at - 1] if not depth else self._text[start:at]
        self._skip(at - self._at)
        if skip == 2:
            self._skip(len(self._text[self._at : self._at + 1]))
        return text


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Put neighbouring literals together."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.kind is part.kind is PartKind.LITERAL
            and last.is_quoted == part.is_quoted
        ):
            joined[-1] = Part(kind=last.kind, text=last.text + part.text, is_quoted=last.is_quoted)
        else:
            joined.append(part)
    return tuple(joined)
