"""The short forms in which the schema is written down."""

from typing import Final

from hafailover.config.kinds import (
    AbsolutePath,
    Boolean,
    Choice,
    Duration,
    Integer,
    Size,
    Text,
)
from hafailover.config.network_kinds import Address, HostName, Url
from hafailover.config.shape import Key, ListOf, Presence, Scalar, Section, Shape
from hafailover.units import MILLISECOND, SECOND

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

NAME: Final = Text(
    allowed="a name of at most 63 letters, digits and ._- that begins with a letter or digit",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
)
LINE: Final = Text()
WORD: Final = Text(allowed="a word of letters, digits, - and _", pattern=r"[A-Za-z0-9_-]+")
PROGRAM: Final = ListOf(
    item=Scalar(kind=Text(allowed="one argument of a command", pattern=r"[^\x00]*")),
    low=1,
)
"""A command as its arguments; that the first is an absolute path is a later check."""


def duration(
    name: str,
    default: str | Presence,
    text: str,
    *,
    low: int = MILLISECOND,
    high: int = DAY,
    remark: str = "",
    step: int = 1,
    sample: str = "",
) -> Key:
    """Return a key whose value is a span of time."""
    shape = Scalar(kind=Duration(low=low, high=high, step=step))
    return Key(name=name, shape=shape, text=text, default=default, remark=remark, sample=sample)


def integer(
    name: str, default: str | Presence, text: str, limits: tuple[int, int], *, sample: str = ""
) -> Key:
    """Return a key whose value is a whole number."""
    kind = Integer(low=limits[0], high=limits[1])
    return Key(name=name, shape=Scalar(kind=kind), text=text, default=default, sample=sample)


def boolean(name: str, default: str | Presence, text: str) -> Key:
    """Return a key whose value is true or false."""
    return Key(name=name, shape=Scalar(kind=Boolean()), text=text, default=default)


def choice(name: str, words: tuple[str, ...], default: str | Presence, text: str) -> Key:
    """Return a key whose value is one of a few words."""
    return Key(name=name, shape=Scalar(kind=Choice(words=words)), text=text, default=default)


def path(name: str, default: str | Presence, text: str, *, sample: str = "") -> Key:
    """Return a key whose value is an absolute path."""
    kind = AbsolutePath()
    return Key(name=name, shape=Scalar(kind=kind), text=text, default=default, sample=sample)


def line(
    name: str, default: str | Presence, text: str, *, sample: str = "", is_secret: bool = False
) -> Key:
    """Return a key whose value is a line of text."""
    return Key(
        name=name,
        shape=Scalar(kind=LINE),
        text=text,
        default=default,
        sample=sample,
        is_secret=is_secret,
    )


def address(
    name: str, default: Presence, text: str, *, kind: Address | None = None, sample: str = ""
) -> Key:
    """Return a key whose value is the address of a host."""
    shape = Scalar(kind=kind or Address())
    return Key(name=name, shape=shape, text=text, default=default, sample=sample)


def host(name: str, default: Presence, text: str, *, sample: str = "") -> Key:
    """Return a key whose value is a host name."""
    return Key(name=name, shape=Scalar(kind=HostName()), text=text, default=default, sample=sample)


def url(name: str, default: str | Presence, text: str, *, sample: str = "") -> Key:
    """Return a key whose value is a URL; it may carry a token, so it counts as a secret."""
    return Key(
        name=name,
        shape=Scalar(kind=Url()),
        text=text,
        default=default,
        sample=sample,
        is_secret=True,
    )


def program(name: str, default: Presence, text: str, *, sample: str = "") -> Key:
    """Return a key whose value is a command, as the list of its arguments."""
    return Key(name=name, shape=PROGRAM, text=text, default=default, sample=sample)


def size(name: str, default: str | Presence, text: str, *, kind: Size, sample: str = "") -> Key:
    """Return a key whose value is a number of bytes."""
    return Key(name=name, shape=Scalar(kind=kind), text=text, default=default, sample=sample)


def section(name: str, keys: tuple[Key, ...], text: str) -> Key:
    """Return a key that holds a section which may be left out."""
    return Key(name=name, shape=Section(keys=keys), text=text, default=Presence.EMPTY)


def nested(
    name: str, shape: Shape, text: str, default: Presence = Presence.EMPTY, *, sample: str = ""
) -> Key:
    """Return a key that holds a list or a mapping."""
    return Key(name=name, shape=shape, text=text, default=default, sample=sample)
