"""What can an arbiter answer? No answer is a value of its own, and never counts as yes or as no."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The texts of a group's two keys at one moment; None = the key does not exist."""

    record: str | None = None
    holder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The change was made, or what was asked for was read.

    ``lease_ns``: the fresh lease as etcd answered it (it may grant more than was asked, never less); 0 without one. It
    counts from when the request was handed out, which is before it was sent.
    """

    standing: Standing
    lease_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed, since ``standing`` is in force; a majority of the cluster says so."""

    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class IsOff:
    """The fence device says that the node has no power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsOn:
    """The fence device has given the node its power back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOff:
    """The fence device did not do what was asked: it refused, failed, or its status says otherwise."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No answer in time, or none that can be understood: the change may have been made, may still be made, or not."""

    reason: str


Answer = Applied | Refused | IsOff | IsOn | NotOff | Unknown
