"""Configuration texts to start from, and what is wrong with a text."""

from pathlib import Path

from hafailover.config.load import Configuration, read_text
from hafailover.config.problems import ConfigErrors

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

PAIR = """\
version: 1
nodes:
  a: {lan: 192.0.2.11, replication: 10.0.0.11}
  b: {lan: 192.0.2.12, replication: 10.0.0.12}
networks:
  lan: {interface: em0}
  replication: {interface: em1}
arbiter:
  kind: ping
  targets: [192.0.2.1]
groups:
  web:
    vrid: 7
    priority: {a: 200, b: 100}
    vrrp: {version: 3}
    addresses: [192.0.2.10/32]
    volumes:
      data:
        image: /img/data.img
        size: 16M
        mount_point: /home/data
"""

PLAIN = """\
version: 1
nodes:
  r: {lan: 192.0.2.2}
networks:
  lan: {interface: em0}
groups:
  gateway:
    vrid: 1
    priority: 150
    addresses: [192.0.2.1/24]
"""


def changed(old: str, new: str, text: str = PAIR) -> str:
    """Return the text with one place changed, which must exist."""
    assert old in text
    return text.replace(old, new, 1)


def read(text: str) -> Configuration:
    return read_text(text, "f")


def errors(text: str) -> list[str]:
    """Return the rendered errors of a text; none if it is usable."""
    try:
        read(text)
    except ConfigErrors as found:
        return [problem.render("f") for problem in found.problems]
    return []


def warnings(text: str) -> list[str]:
    return [problem.render("f") for problem in read(text).warnings]
