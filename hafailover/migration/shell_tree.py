"""How do the words of a shell script form commands, branches and loops?

Tolerant: what does not fit the grammar is taken as commands one after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hafailover.migration.shell_tokens import Token, tokens

DEPTH_MAX: Final = 60
_SEPARATORS: Final = (";", "&", "\n")
_END: Final = frozenset({"fi", "done", "esac", "then", "do", "else", "elif", "}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """A command with its words, or assignments alone."""

    line: int
    words: tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If:
    """Tests with what follows them, and what follows if none holds."""

    line: int
    branches: tuple[tuple["Body", "Body"], ...]
    otherwise: "Body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """``while`` or ``until``."""

    line: int
    test: "Body"
    body: "Body"


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    """``for NAME in WORDS``."""

    line: int
    name: str
    words: tuple[Token, ...]
    body: "Body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``case``; each arm with the plain patterns before it."""

    line: int
    words: tuple[Token, ...]
    """What it looks at."""
    arms: tuple[tuple[tuple[str, ...], "Body"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Braces, or a subshell."""

    line: int
    body: "Body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A definition."""

    line: int
    name: str
    body: "Body"


Node: TypeAlias = Simple | If | Loop | For | Case | Group | Function


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A pipeline, and what joins it to the next one: ``;``, ``&``, ``&&``, ``||`` or nothing."""

    pipeline: tuple[Node, ...]
    is_negated: bool
    link: str


Body: TypeAlias = tuple[Step, ...]


def parse(text: str) -> Body:
    """Return the steps of a script."""
    return _Parser(tokens(text)).all()


class _Parser:
    def __init__(self, words: Sequence[Token]) -> None:
        self._tokens = words
        self._at = 0
        self._depth = 0

    def all(self) -> Body:
        steps: list[Step] = []
        while self._at < len(self._tokens):
            steps += self._body()
            # Something that ends nothing, such as a lonely "fi": leave it behind.
            self._at += 1
        return tuple(steps)

    def _peek(self) -> Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return Token(line=self._tokens[-1].line if self._tokens else 1, operator="\n")

    def _is_over(self) -> bool:
        return self._at >= len(self._tokens)

    def _takes(self, *words: str) -> bool:
        token = self._peek()
        if not self._is_over() and (token.plain in words or token.operator in words):
            self._at += 1
            return True
        return False

    def _skip_separators(self) -> None:
        while not self._is_over() and self._peek().operator in _SEPARATORS:
            self._at += 1

    def _body(self) -> Body:
        """Take steps until a word that ends them."""
        self._depth += 1
        steps: list[Step] = []
        self._skip_separators()
        while not self._is_over() and self._depth < DEPTH_MAX:
            token = self._peek()
            if token.plain in _END or token.operator in (")", ";;"):
                break
            steps.append(self._step())
            self._skip_separators()
        self._depth -= 1
        return tuple(steps)

    def _step(self) -> Step:
        start = self._at
        is_negated = self._takes("!")
        pipeline = [self._command()]
        while self._peek().operator == "|" and not self._is_over():
            self._at += 1
            self._skip_separators()
            pipeline.append(self._command())
        link = self._peek().operator if not self._is_over() else ""
        if link in ("&&", "||", ";", "&"):
            self._at += 1
        else:
            link = ""
        # Whatever it was, it must be left behind.
        self._at = max(self._at, start + 1)
        return Step(pipeline=tuple(pipeline), is_negated=is_negated, link=link)

    def _command(self) -> Node:
        token = self._peek()
        match token.plain or token.operator:
            case "if":
                return self._if()
            case "while" | "until":
                return self._loop()
            case "for":
                return self._for()
            case "case":
                return self._case()
            case "{":
                self._at += 1
                body = self._body()
                self._takes("}")
                return Group(line=token.line, body=body)
            case "(":
                self._at += 1
                body = self._body()
                self._takes(")")
                return Group(line=token.line, body=body)
            case "function":
                self._at += 1
            case _:
                pass
        return self._simple()

    def _if(self) -> If:
        line = self._peek().line
        branches = []
        while self._takes("if", "elif"):
            test = self._body()
            self._takes("then")
            branches.append((test, self._body()))
        otherwise = self._body() if self._takes("else") else ()
        self._takes("fi")
        return If(line=line, branches=tuple(branches), otherwise=otherwise)

    def _loop(self) -> Loop:
        line = self._peek().line
        self._at += 1
        test = self._body()
        self._takes("do")
        body = self._body()
        self._takes("done")
        return Loop(line=line, test=test, body=body)

    def _for(self) -> For:
        line = self._peek().line
        self._at += 1
        name = self._peek().plain
        self._at += 1
        self._skip_separators()
        words: list[Token] = []
        if self._takes("in"):
            while not self._is_over() and self._peek().parts:
                words.append(self._peek())
                self._at += 1
        self._skip_separators()
        self._takes("do")
        body = self._body()
        self._takes("done")
        return For(line=line, name=name, words=tuple(words), body=body)

    def _case(self) -> Case:
        line = self._peek().line
        words = self._tokens[self._at + 1 : self._at + 2]
        self._at += 2
        self._skip_separators()
        self._takes("in")
        arms = []
        while not self._is_over():
            self._skip_separators()
            if self._takes("esac"):
                break
            patterns = []
            while not self._is_over() and not self._takes(")"):
                patterns.append(self._peek().text)
                self._at += 1
            arms.append((tuple(filter(None, patterns)), self._body()))
            self._takes(";;")
        return Case(line=line, words=tuple(words), arms=tuple(arms))

    def _simple(self) -> Node:
        line = self._peek().line
        words: list[Token] = []
        while not self._is_over() and self._peek().parts:
            words.append(self._peek())
            self._at += 1
            if len(words) == 1 and self._peek().operator == "(" and not self._is_over():
                return self._function(words[0])
        return Simple(line=line, words=tuple(words))

    def _function(self, name: Token) -> Node:
        self._at += 1
        if not self._takes(")"):
            return Simple(line=name.line, words=(name,))
        self._skip_separators()
        body = self._command()
        step = Step(pipeline=(body,), is_negated=False, link="")
        return Function(line=name.line, name=name.plain, body=(step,))
