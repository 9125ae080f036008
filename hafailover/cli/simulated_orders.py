"""Which order to the core is a command line of hafailover, in a scenario?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafailover.cli.simulated_faults import CannotPlayError
from hafailover.group.events import OrderKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS: Final = {
    "--force-copy": "force_copy",
    "--peer-is-off": "peer_is_off",
    "--accept-mixture": "accept_mixture",
}
_VALUES: Final = {"--keep": "keep", "--reason": "reason"}
_PASSED_OVER: Final = ("web", "--yes", "--no-wait")


def order_of(arguments: tuple[str, ...]) -> tuple[OrderKind, dict[str, bool | int | str]]:
    """Return the order and its options; ``--seen-epoch`` stands for a status of long ago.

    Raises:
        CannotPlayError: It is none.
    """
    kinds = {kind.value: kind for kind in OrderKind}
    if arguments[0] not in kinds:
        raise CannotPlayError(f"the simulator cannot play {arguments[0]}: only the lab can")
    options: dict[str, bool | int | str] = {}
    words: Iterator[str] = iter(arguments[1:])
    for word in words:
        if word in _FLAGS:
            options[_FLAGS[word]] = True
        elif word in _VALUES:
            options[_VALUES[word]] = next(words, "")
        elif word == "--seen-epoch":
            options["seen_epoch"] = int(next(words, "0"))
        elif word == "--confirm":
            next(words, "")
        elif word not in _PASSED_OVER:
            raise CannotPlayError(f"the simulator does not know {word}")
    return kinds[arguments[0]], options
