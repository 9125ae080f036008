"""What pf(4) lets pass, for the part of pf.conf(5) that the rules of the documents are written in.

After pf.conf(5): the last rule that matches decides, or the first with ``quick``; what none matches passes;
a rule without a direction or an interface counts for all. Only first packets of a connection are asked about.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"[{}]|[^\s{},]+")
WITH_VALUES = ("on", "proto", "from", "to", "port", "icmp-type")
ALONE = ("in", "out", "quick", "inet", "allow-opts", "to")


@dataclass(frozen=True, kw_only=True)
class Packet:
    """What a rule looks at."""

    interface: str
    protocol: str
    source: str
    target: str = ""
    port: int | None = None
    is_coming: bool = True


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line; what it does not name is empty."""

    passes: bool
    is_quick: bool
    direction: str
    interfaces: frozenset[str]
    protocol: str
    sources: frozenset[str]
    targets: frozenset[str]
    ports: frozenset[int]

    def fits(self, packet: Packet) -> bool:
        """Whether the rule is about the packet."""
        return (
            self.direction in ("", "in" if packet.is_coming else "out")
            and (not self.interfaces or packet.interface in self.interfaces)
            and self.protocol in ("", packet.protocol)
            and (not self.sources or packet.source in self.sources)
            and (not self.targets or packet.target in self.targets)
            and (not self.ports or packet.port in self.ports)
        )


class Rules:
    """A whole file."""

    def __init__(self, text: str, addresses: dict[str, str]) -> None:
        """Read it; ``addresses`` says what ``(INTERFACE)`` stands for."""
        self._addresses = addresses
        self._skipped: set[str] = set()
        self._rules: list[Rule] = []
        macros: dict[str, str] = {}
        for line in text.splitlines():
            words = line.partition("#")[0].strip()
            if macro := re.fullmatch(r'(\w+)\s*=\s*"([^"]*)"', words):
                macros[macro[1]] = macro[2]
            elif words:
                self._read(re.sub(r"\$(\w+)", lambda name: macros[name[1]], words))

    def pass_on(self, packet: Packet) -> bool:
        """Whether the packet passes."""
        passes = True
        if packet.interface in self._skipped:
            return passes
        for rule in self._rules:
            if rule.fits(packet):
                passes = rule.passes
                if rule.is_quick:
                    break
        return passes

    def _read(self, line: str) -> None:
        rest = TOKEN.findall(line)[::-1]
        first = rest.pop()
        if first == "set":
            assert rest[-2:] == ["on", "skip"], line
            self._skipped |= _several(rest[:-2])
            return
        assert first in ("pass", "block"), line
        found: dict[str, frozenset[str]] = {}
        while rest:
            word = rest.pop()
            if word in WITH_VALUES and not (word == "to" and rest[-1] == "port"):
                found[word] = _several(rest)
            else:
                assert word in ALONE, line
                found[word] = frozenset()
        nothing = frozenset[str]()
        self._rules.append(
            Rule(
                passes=first == "pass",
                is_quick="quick" in found,
                direction="".join(found.keys() & {"in", "out"}),
                interfaces=found.get("on", nothing),
                protocol="".join(found.get("proto", nothing)),
                sources=self._addressed(found.get("from", nothing)),
                targets=self._addressed(found.get("to", nothing)),
                ports=frozenset(map(int, found.get("port", nothing))),
            )
        )

    def _addressed(self, words: frozenset[str]) -> frozenset[str]:
        return frozenset(
            self._addresses[word[1:-1]] if word.startswith("(") else word for word in words
        )


def _several(rest: list[str]) -> frozenset[str]:
    """Take one word, or those between braces."""
    word = rest.pop()
    if word != "{":
        return frozenset((word,))
    found = []
    while (word := rest.pop()) != "}":
        found.append(word)
    return frozenset(found)
