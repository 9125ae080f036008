"""What devd(8) makes of a configuration: its grammar, its choice of a statement, its quoting.

Written after sbin/devd of FreeBSD (``token.l``, ``parse.y``, ``devd.cc``): an event is for the one
statement of its kind that matches and has the highest priority, and of equal ones the first; a match is
an extended regular expression over the whole value, whatever the case, turned round by ``!``; in an action
``$name`` becomes the value within ``$'...'``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"(?P<blank>[ \t\n]+|#.*|//.*|/\*(?s:.*?)\*/)|(?P<sign>[;{}])|(?P<number>[0-9]+)"
    r'|"(?P<text>[^"]+)"|(?P<word>[A-Za-z][A-Za-z0-9_-]*)'
)
BLOCKS = ("attach", "detach", "nomatch", "notify")
SHORT = ("device-name", "media-type", "class", "subdevice")
VARIABLE = re.compile(r"\$([A-Za-z_*-][A-Za-z0-9_-]*)")


@dataclass(kw_only=True)
class Statement:
    """One block."""

    kind: str
    priority: int
    matches: list[tuple[str, str]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    def fits(self, event: Mapping[str, str]) -> bool:
        """Whether every match of the block holds."""
        return all(_holds(pattern, event.get(name, "")) for name, pattern in self.matches)


def _holds(pattern: str, value: str) -> bool:
    is_turned = pattern.startswith("!")
    found = re.fullmatch(pattern.removeprefix("!"), value, re.IGNORECASE)
    return (found is None) is is_turned


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each token; what is none ends the test, as it ends devd."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        assert found is not None, f"devd takes no {text[at : at + 20]!r}"
        at = found.end()
        assert found.lastgroup is not None
        if found.lastgroup != "blank":
            yield found.lastgroup, re.sub(r"\\\n\s*", "", found[found.lastgroup])


def parse(text: str) -> list[Statement]:
    """Read a file that holds blocks only."""
    rest = list(tokens(text))[::-1]

    def take(kind: str) -> str:
        found, value = rest.pop()
        assert found == kind, (kind, found, value)
        return value

    def sign(wanted: str) -> None:
        assert take("sign") == wanted

    statements = []
    while rest:
        block = Statement(kind=take("word"), priority=int(take("number")))
        assert block.kind in BLOCKS
        sign("{")
        while rest[-1] != ("sign", "}"):
            word = take("word")
            if word == "match":
                block.matches.append((take("text"), take("text")))
            elif word == "action":
                block.actions.append(take("text"))
            else:
                assert word in SHORT
                block.matches.append((word, take("text")))
            sign(";")
        sign("}")
        sign(";")
        statements.append(block)
    return statements


def carried_out(statements: list[Statement], kind: str, event: Mapping[str, str]) -> list[str]:
    """Return what sh(1) gets to run for an event."""
    chosen = [each for each in statements if each.kind == kind and each.fits(event)]
    if not chosen:
        return []
    best = max(chosen, key=lambda each: each.priority)
    return [VARIABLE.sub(lambda name: _quoted(event.get(name[1], "")), a) for a in best.actions]


def _quoted(value: str) -> str:
    return "$'" + re.sub(r"(['\\])", r"\\\1", value) + "'"
